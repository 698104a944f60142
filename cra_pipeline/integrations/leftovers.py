"""Folders for work in flight that bear their process in their name, and their removal.

A killed process removes nothing. Its folders are known by its id, so that a later run sweeps them
while those of living processes stay.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path
from typing import Literal, get_args

Kind = Literal[
    "agent",
    "base",
    "bench",
    "cra",
    "env",
    "package",
    "score",
    "server",
    "testrun",
    "wheel",
    ".part",
]
"""What a folder is for; ``.part`` is a tree that is not yet published, and ``cra`` stands in the
system's temporary folder, among those of other programs.
"""

TREES = "trees"
"""Folder of the scratch folder that holds checked-out trees."""

_SHARED: Kind = "cra"

_NAMED = re.compile(rf"(?:{'|'.join(re.escape(kind) for kind in get_args(Kind))})-(\d+)-")


def prefix_of(kind: Kind) -> str:
    """Start of a temporary folder's name: ``<kind>-<process id>-``."""
    return f"{kind}-{os.getpid()}-"


def sweep(scratch: Path) -> None:
    """Remove what killed processes left below the scratch folder, there or not."""
    for folder in (scratch, scratch / TREES):
        for left in folder.iterdir() if folder.is_dir() else ():
            match = _NAMED.match(left.name)
            if match is not None and not _lives(int(match[1])):
                shutil.rmtree(left, ignore_errors=True)


def sweep_among_others(folder: Path) -> None:
    """Remove what killed processes of this user left in a folder that belongs to everybody."""
    for left in folder.glob(f"{_SHARED}-*-*"):
        match = _NAMED.match(left.name)
        if match is not None and not _lives(int(match[1])) and _is_ours(left):
            shutil.rmtree(left, ignore_errors=True)


def _is_ours(left: Path) -> bool:
    try:
        found = left.lstat()
    except FileNotFoundError:
        return False  # Another sweeper was quicker.
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # Under another user.
    return True
