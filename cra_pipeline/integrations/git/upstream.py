"""Where a clone on this machine came from itself, as ``owner/name``, kept with its snapshot.

Of the source's configuration one line is read as text, and nothing of it is obeyed. No address is
kept: it may hold a password, or name this machine.
"""

from __future__ import annotations

import re
from pathlib import Path

from cra_pipeline.contracts.sources import slug_of
from cra_pipeline.integrations.git.borrow import read_small
from cra_pipeline.integrations.git.run import git

_KEY = "cra-pipeline.upstream"
_MOST_BYTES = 1 << 20
_SECTION = re.compile(r"\s*\[(?P<name>[^\]]*)\]")
_ORIGIN = re.compile(r'remote\s+"origin"', re.IGNORECASE)
_URL = re.compile(r"\s*url\s*=\s*(?P<url>\S+)\s*$", re.IGNORECASE)
_ON_A_NETWORK = re.compile(
    r"(?!file:)[a-z+]+://|[\w.-]+@[\w.-]+:|[\w-]+\.[\w.-]+:(?!/)", re.IGNORECASE
)


def upstream_in(folder: Path) -> str:
    """``owner/name`` of the ``origin`` of a repository on this machine; empty where it has none.

    Args:
        folder: Its git directory, where the parts shared between worktrees lie.

    Raises:
        SourceError: Its configuration is no plain file.
    """
    path = folder / "config"
    if not path.exists():
        return ""
    section = ""
    for line in read_small(path, _MOST_BYTES).decode(errors="replace").splitlines():
        if found := _SECTION.match(line):
            section = found["name"].strip()
        elif _ORIGIN.fullmatch(section) and (told := _URL.match(line)):
            url = told["url"].strip('"')
            # Another folder of this machine says nothing of an owner.
            return slug_of(url) if _ON_A_NETWORK.match(url) else ""
    return ""


def keep_upstream(snapshot: Path, slug: str) -> None:
    """Write it into a snapshot's own configuration; nothing where it is empty."""
    if slug:
        git(snapshot, "config", _KEY, slug)


def kept_upstream(snapshot: Path) -> str:
    """What was kept; empty where nothing was.

    Raises:
        GitError: The configuration is damaged.
    """
    path = snapshot / "config"
    if not path.is_file():
        return ""
    said = git(None, "config", "--file", str(path), "--no-includes", "--default", "", "--get", _KEY)
    return said.decode(errors="replace").strip()
