"""Whether a commit was written by a program.

Names decide, and only whole ones: "Travis Cline" and "Genevieve Mendoza" are people.
"""

from __future__ import annotations

import re

_NAMES = {
    "allcontributors", "codecov-io", "deepsource-autofix", "dependabot", "dependabot-preview",
    "github-actions", "github actions", "greenkeeper", "greenkeeperio-bot", "imgbot", "mergify",
    "mypybot", "pre-commit-ci", "pre-commit", "pyup", "pyup-bot", "readthedocs-assistant",
    "renovate", "renovate-bot", "requires.io", "restyled-io", "sourcery-ai", "snyk-bot",
    "travis ci", "travis ci user", "travis-ci", "weblate", "whitesource-bolt", "transifex",
}  # fmt: skip

_MARKED = re.compile(r"\[bot\]|[-_.]bot\Z|\Abot[-_]", re.IGNORECASE)
_CAMEL = re.compile(r"[a-z]Bot\Z")
_ON_BEHALF = re.compile(r"\bCI on behalf of\b", re.IGNORECASE)
_BOT_WORD = re.compile(r"(?:\A|[^a-z])bot(?:\Z|[^a-z])", re.IGNORECASE)


def bot_sign(author: str, email: str) -> str:
    """What shows that the author is a program; empty for a person.

    Args:
        author: Author's name.
        email: Author's address; the word ``bot`` in the name counts only where it is here too,
            since it is a surname as well.
    """
    name = author.strip()
    if name.lower() in _NAMES:
        return f"author {name!r} is a known program"
    if _MARKED.search(name) or _CAMEL.search(name) or _ON_BEHALF.search(name):
        return f"author {name!r} is marked as a program"
    if "[bot]@" in email.lower() or (_BOT_WORD.search(name) and _BOT_WORD.search(email)):
        return f"author {name!r} <{email}> is marked as a program"
    return ""
