"""What git says of a commit, before anyone judges it.

Plain dataclasses and no records: they live for one walk and never touch disk.
"""

from __future__ import annotations

from dataclasses import dataclass

SYMLINK = "120000"
SUBMODULE = "160000"
ABSENT = "000000"
"""Mode of the side on which a file does not exist."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that differs between a commit and its first parent; renames are not followed.

    A rename is therefore one deleted and one added path, with or without edits.
    """

    path: str
    """Valid Unicode; bytes that are no UTF-8 stand as ``\\xNN``."""
    exact: bool
    """Whether ``path`` is the path itself and not such a stand-in."""
    old_mode: str
    new_mode: str
    old_blob: str
    new_blob: str
    """Object ids; all zeros where the side is absent."""

    def has_mode(self, mode: str) -> bool:
        """Whether either side is of this mode."""
        return mode in {self.old_mode, self.new_mode}

    def is_special(self) -> bool:
        """Whether either side is a symlink or a submodule, which have no lines to speak of."""
        return self.has_mode(SYMLINK) or self.has_mode(SUBMODULE)


@dataclass(frozen=True, slots=True)
class HistoryCommit:
    """One commit as the walk found it."""

    sha: str
    parents: tuple[str, ...]
    author: str
    email: str
    authored_at: int
    committed_at: int
    message: str
    """Whole text; bytes that are no UTF-8 are read as Latin-1."""
    files: tuple[FileChange, ...]
    """In git's order; empty for merges, whose changes belong to the commits they join."""
