"""What came through the result channel: read strictly, because foreign code may have written it.

One line of JSON that says what follows and how long each piece is, then the pieces. A format with
links, sparse files and offsets would be more than can be trusted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from cra_pipeline.contracts.record import Record
from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.trees import safe_path

MOST_FILES = 2000
"""Changed paths; an agent that edits by hand changes a few."""
_EXIT = 255
_SIGNAL = -64
Size = Annotated[int, Field(ge=0)]
"""Bytes of a piece."""


class Told(Record):
    """The first line, as ``inside.py`` writes it."""

    ending: Literal["exited", "interrupted", "killed"]
    exit_code: Annotated[int, Field(ge=_SIGNAL, le=_EXIT)]
    output: Annotated[str, Field(max_length=1 << 17)]
    changed: Annotated[tuple[str, ...], Field(max_length=MOST_FILES)]
    """Paths with new content, whose pieces come first."""
    deleted: Annotated[tuple[str, ...], Field(max_length=MOST_FILES)]
    databases: Annotated[tuple[str, ...], Field(max_length=8)]
    """Names, whose pieces come behind the files."""
    sizes: Annotated[tuple[Size, ...], Field(max_length=MOST_FILES + 8)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A result that is whole and harmless to handle; whether it is true is another matter."""

    told: Told
    changed: Mapping[str, bytes]
    databases: Mapping[str, bytes]


def unpacked(content: bytes) -> Packed:
    """Take a result apart.

    Raises:
        ValueError: Cut short, forged, or with paths that lead out of a tree or into each other.
    """
    head, newline, rest = content.partition(b"\n")
    if not newline:
        raise ValueError("the result has no first line")
    told = Told.parse_json(head, where="result")
    if len(set(told.databases)) < len(told.databases):
        raise ValueError("the result names something twice")
    require_apart(told.changed, told.deleted, where="result")
    names = [*told.changed, *told.databases]
    pieces = pieces_of(rest, told.sizes, len(names), where="result")
    count = len(told.changed)
    return Packed(
        told=told,
        changed=dict(zip(told.changed, pieces[:count], strict=True)),
        databases=dict(zip(told.databases, pieces[count:], strict=True)),
    )


def pieces_of(rest: bytes, sizes: Sequence[int], count: int, *, where: str) -> list[bytes]:
    """Cut what follows the first line.

    Args:
        rest: All of it.
        sizes: Bytes of each piece; none is below zero.
        count: How many are meant.
        where: Names it in the error.

    Raises:
        ValueError: It is longer or shorter than that.
    """
    if len(sizes) != count or sum(sizes) != len(rest):
        raise ValueError(f"the {where} is not as long as it says")
    pieces: list[bytes] = []
    position = 0
    for size in sizes:
        pieces.append(rest[position : position + size])
        position += size
    return pieces


def require_apart(changed: Sequence[str], deleted: Sequence[str], *, where: str) -> None:
    """Refuse paths that lead out of a tree or into each other.

    Raises:
        ValueError: One does, or is named twice.
    """
    paths = [*changed, *deleted]
    if len(set(paths)) < len(paths):
        raise ValueError(f"the {where} names something twice")
    for path in paths:
        try:
            safe_path(path, where=where)
        except GitError as error:
            raise ValueError(str(error)) from error
    files = set(changed)
    for path in files:
        if not files.isdisjoint(above(path)):
            raise ValueError(f"{where}: {path!r} lies below a file")


def above(path: str) -> set[str]:
    """Every folder in which a path lies."""
    parts = path.split("/")
    return {"/".join(parts[:count]) for count in range(1, len(parts))}
