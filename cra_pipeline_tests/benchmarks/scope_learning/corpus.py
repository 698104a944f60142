"""Which repositories are learned from and which are held out, and where the future begins.

Decided before anything was trained. Held out are, of the clones that are no training repository,
those whose number of source files at their head lies in the range of the ten first ones (12 to 137)
and that have 400 asking commits or more: rich (100 files) and hypothesis (98). beartype (766) is
too large; svcs, stamina, pydriller and strictyaml ask too rarely; mypy (348), pydriller and
strictyaml are learned from.
"""

from __future__ import annotations

import os
from pathlib import Path

from cra_pipeline_tests.clones import real_clone

TRAINING = (
    "structlog", "attrs", "parso", "black", "dulwich", "cattrs", "libcst", "click", "typeguard",
    "peewee", "mypy", "strictyaml", "pydriller",
)  # fmt: skip
HELD_OUT = ("rich", "hypothesis")

NEWEST = 1200
"""Most commits of a training repository."""

NEWEST_HELD_OUT = 400

_TRAIN, _VALIDATION = 0.75, 0.85
"""Shares of a repository's commits, the oldest first, at which validation and test begin."""

HOME = "CRA_PIPELINE_SCOPE_LEARNING"


def home() -> Path:
    """Folder of everything that the benchmark writes; variable ``CRA_PIPELINE_SCOPE_LEARNING``."""
    folder = Path(os.environ.get(HOME, "workspace/scope_learning"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def git_directory(name: str) -> Path:
    """Git directory of a clone, bare or not."""
    clone = real_clone(name)
    return clone / ".git" if (clone / ".git").is_dir() else clone


def split_of(name: str, at: int, commits: int) -> str:
    """Split of the commit at a position, counted from the oldest."""
    if name in HELD_OUT:
        return "unseen"
    return "train" if at < _TRAIN * commits else "val" if at < _VALIDATION * commits else "test"
