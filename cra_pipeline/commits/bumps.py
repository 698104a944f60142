"""Reverts, releases and bumps, told by how people word them.

Patterns ask for the whole phrase: "Release the lock" and "Update dependency resolution" are work.
"""

from __future__ import annotations

import re

from cra_pipeline.commits.message import bare_head, head_line

_VERSION = r"v?\d+(?:\.\d+)+(?:[-.]?(?:a|b|rc|alpha|beta|dev|post)[-.]?\d*)*"
_UP = r"(?:(?:bump|update|upgrade|pin)(?:s|d|ed|ned|ing)?|bumped|unpin|auto-?update)"


def _phrases(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


_REVERT = re.compile(r"revert(?:s|ed|ing)?\b|back(?:ed|ing)? ?out\b|reapply \"", re.IGNORECASE)
# Deeper down it is the history of a squashed branch.
_REVERT_BODY = re.compile(r"\A[^\n]*\n\s*This reverts commit [0-9a-f]{7,40}")

_RELEASE = _phrases(
    rf"(?:release |version |version bump |tag )?:?\s*{_VERSION}(?:\s+(?:release|final))?\W*\Z",
    rf"releas(?:e|es|ed|ing) (?:of )?(?:version |candidate )?(?:\S+ )?{_VERSION}",
    r"(?:make|cut|prepare|preparing|prep|prepared|start|draft|do|finish|tag|mark|create)"
    r"(?: for)?(?: the| a| an| new| next| upcoming)*(?: \S+){0,2} (?:release|releasing)\b"
    # "Prepare the release of the lock", "Create RELEASE.rst".
    r"(?!\.\w| (?:of|notes?)\b)",
    r"(?:prepare|prep|preparing|prepared|start|begin|tag|finali[sz]e|cut|mark)\b.{0,30}"
    rf"{_VERSION}",
    r"(?:bump|bumped|bumping|bumps|increment|update|updated|set|change|raise|increase)"
    r"(?: the| package| project| our| dev| minor| patch| major| release| to| next)*"
    r" version(?: number| string)?s?"
    rf"(?:\Z| (?:to|for|from|in|after)\b|,| {_VERSION}|\.)",
    rf"(?:bump|bumped|bumping)(?: to| up to)? {_VERSION}\s*\Z",
    r"(?:version bump|release prep|post[- ]release|back to (?:dev|development)|release notes)\b",
    r"(?:start|begin|open)\b.{0,20}\b(?:dev|development|cycle)\b(?: cycle| version)?\W*\Z",
)

_DEPENDENCY = _phrases(
    rf"{_UP}\b.* from {_VERSION}\S* to {_VERSION}",
    rf"{_UP} [\w./@-]+(?: from v?\d\S*)? to v?\d\S*\s*\Z",
    rf"{_UP} [\w./@-]+(?: requirement| version)? (?:from \S+ )?to {_VERSION}",
    rf"(?:bump|pin|unpin|upgrade) [\w./@-]+(?: version)?(?: {_VERSION})?\s*\Z",
    rf"{_UP}(?: \w+){{0,2}} (?:dependencies|deps|requirements|pre-?commit(?: hooks?)?|"
    r"lock ?files?|(?:github )?actions|pins|hooks)\b"
    # "Update requirements parsing" is work on a parser.
    r"(?! (?:resol|hand|pars|inject|check|list))",
    r"(?:update|bump|upgrade) dependency [\w./@-]+(?: to \S+)?\s*\Z",
)
_DEPENDENCY_PREFIX = re.compile(
    r"\w+\((?:deps|deps-dev|dependencies)\)!?:|\[pre-commit\.ci\]|deps:", re.IGNORECASE
)


def revert_sign(message: str) -> str:
    """The words that undo an earlier commit; empty where there are none."""
    found = _REVERT.match(bare_head(message)) or _REVERT_BODY.search(message)
    return found.group() if found else ""


def release_sign(message: str) -> str:
    """The words of a release or a bump of the project's own version; empty where none."""
    bare = bare_head(message)
    found = next((hit for pattern in _RELEASE if (hit := pattern.match(bare))), None)
    return found.group() if found else ""


def dependency_sign(message: str) -> str:
    """The words that raise or pin a dependency's version; empty where there are none."""
    if marked := _DEPENDENCY_PREFIX.match(head_line(message)):
        return marked.group()
    bare = bare_head(message)
    found = next((hit for pattern in _DEPENDENCY if (hit := pattern.match(bare))), None)
    return found.group() if found else ""
