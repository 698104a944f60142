"""The format of ``corpus/tiny/<name>/recipe.toml``: a history written down as data.

Only shapes and what can be judged of one commit alone; trees are computed in ``recipe_trees``.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, Self

from pydantic import field_validator, model_validator

from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.sources import SLUG
from cra_pipeline.contracts.tasks import TaskKind

ADMITTED = "admitted"
"""Fate of a commit that must end as an admitted task; every other fate is a reason."""

Newline = Literal["lf", "crlf"]
Encoding = Literal["utf-8", "latin-1"]

_OPERATIONS = ("write", "append", "search", "delete", "rename_from", "symlink", "gitlink", "base64")
_PERSON = re.compile(r"[^<>\n]+ <[^<>\s]+>\Z")


class Edit(Record):
    """One change to one path; exactly one operation is set.

    Text in a recipe always has LF line ends. ``newline`` and ``encoding`` say how a written file
    is stored; later edits of the same file keep to them.
    """

    path: str
    """Relative, POSIX separators, no ``..``."""
    path_encoding: Encoding = "utf-8"
    """How the path itself is stored; ``latin-1`` makes names that are no UTF-8."""
    write: str | None = None
    """Whole text of the file, new or replaced."""
    append: str | None = None
    """Text that follows what the file holds already."""
    search: str | None = None
    """Text that occurs exactly once in the file; ``replace`` takes its place."""
    replace: str | None = None
    delete: bool = False
    rename_from: str | None = None
    """Old path; further edits of ``path`` may follow in the same commit."""
    symlink: str | None = None
    """Target of a symbolic link."""
    gitlink: str | None = None
    """Commit id of a submodule (40 hexadecimal digits)."""
    base64: str | None = None
    """Content of a binary file."""
    executable: bool = False
    newline: Newline = "lf"
    encoding: Encoding = "utf-8"

    @property
    def stored_path(self) -> str:
        """Key of the path in a tree: the stored bytes, undecodable ones as surrogates."""
        return self.path.encode(self.path_encoding).decode("utf-8", "surrogateescape")

    @property
    def operation(self) -> str:
        """Name of the field that says what is done."""
        return next(name for name in _OPERATIONS if getattr(self, name) not in {None, False})

    @field_validator("path", "rename_from")
    @classmethod
    def _inside(cls, value: str | None) -> str | None:
        if value is not None and not _is_inside(value):
            raise ValueError(f"{value!r} leaves the tree: expected a relative path without '..'")
        return value

    @field_validator("gitlink")
    @classmethod
    def _full_id(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9a-f]{40}", value):
            raise ValueError(f"{value!r} is no commit id of 40 hexadecimal digits")
        return value

    @model_validator(mode="after")
    def _one_operation(self) -> Self:
        found = [name for name in _OPERATIONS if getattr(self, name) not in {None, False}]
        if len(found) != 1:
            named = ", ".join(found) or "none"
            raise ValueError(f"{self.path}: one of {', '.join(_OPERATIONS)} expected, got {named}")
        if (self.search is None) != (self.replace is None):
            raise ValueError(f"{self.path}: 'search' and 'replace' come together")
        return self


class CommitRecipe(Record):
    """One commit and what the pipeline must make of it."""

    id: str
    """Name inside the recipe; other commits refer to it."""
    by: str
    """Author and committer, ``Name <address>``, after the recipe's ``people`` are looked up."""
    at: datetime
    """Author date with its offset from UTC."""
    committed: datetime | None = None
    """Committer date where it differs from ``at``."""
    parents: tuple[str, ...] | None = None
    """Ids of the parents; absent: the commit before this one. Empty: a root."""
    message: str
    fate: str
    """``admitted``, or the reason for which the filter, the packages or the harness drop it."""
    kind: TaskKind | None = None
    """Kind of the admitted task; absent for every other fate."""
    type: str | None = None
    """Planning type, where the recipe fixes it."""
    window: tuple[str, ...] = ()
    """Ids of the earlier commits that are joined with this one into one change."""
    quarantined: tuple[str, ...] = ()
    """Test ids whose result hangs on order or hash seed; absent: none."""
    traps: tuple[str, ...] = ()
    """Names of the pitfalls that this commit carries."""
    edits: tuple[Edit, ...] = ()
    """Applied in order."""

    @property
    def committed_at(self) -> datetime:
        """Committer date with its offset."""
        return self.committed or self.at

    @field_validator("by")
    @classmethod
    def _person(cls, value: str) -> str:
        if not _PERSON.match(value):
            raise ValueError(f"{value!r} is neither one of [people] nor 'Name <address>'")
        return value

    @field_validator("at", "committed")
    @classmethod
    def _with_offset(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.utcoffset() is None:
            raise ValueError(f"{value} has no offset from UTC: write 2020-01-31T09:00:00Z")
        return value

    @model_validator(mode="after")
    def _kind_of_admitted(self) -> Self:
        if (self.fate == ADMITTED) != (self.kind is not None):
            raise ValueError(f"fate {self.fate!r} with kind {self.kind!r}: 'kind' tells of tasks")
        return self


class RecipeHeader(Record):
    """What a recipe says of the repository as a whole."""

    name: str
    """Key of the repository, equal to the name of its folder."""
    domain: str
    licence: str
    """SPDX expression."""
    held_out: bool = False
    about: str
    """One sentence on the library and on the traps that its history holds."""

    @field_validator("name")
    @classmethod
    def _slug(cls, value: str) -> str:
        if not SLUG.match(value):
            raise ValueError(f"{value!r} is no slug: use lower-case letters, digits, '.', '_', '-'")
        return value


class Recipe(RecipeHeader):
    """A whole history; parents come before their children, the last commit is the head."""

    where: str
    """File that it was read from, for error messages."""
    commits: tuple[CommitRecipe, ...]

    def parents(self, number: int) -> tuple[str, ...]:
        """Ids of the parents of the commit at ``number``, the first parent first."""
        given = self.commits[number].parents
        if given is not None:
            return given
        return (self.commits[number - 1].id,) if number else ()


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and not {"", ".", "..", ".git"} & set(parts)
