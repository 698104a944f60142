"""What came through the result channel: read strictly, because foreign code may have written it.

One line of JSON that says what follows and how long each piece is, then the pieces. A format with
links, sparse files and offsets would be more than can be trusted here.
"""

from __future__ import annotations

from collections.abc import Mapping
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
_Size = Annotated[int, Field(ge=0)]


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
    sizes: Annotated[tuple[_Size, ...], Field(max_length=MOST_FILES + 8)]


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
    names = [*told.changed, *told.databases]
    if len(told.sizes) != len(names) or sum(told.sizes) != len(rest):
        raise ValueError("the result is not as long as it says")
    _require_sound(told)
    pieces: list[bytes] = []
    position = 0
    for size in told.sizes:
        pieces.append(rest[position : position + size])
        position += size
    count = len(told.changed)
    return Packed(
        told=told,
        changed=dict(zip(told.changed, pieces[:count], strict=True)),
        databases=dict(zip(told.databases, pieces[count:], strict=True)),
    )


def _require_sound(told: Told) -> None:
    paths = [*told.changed, *told.deleted]
    if len(set(paths)) < len(paths) or len(set(told.databases)) < len(told.databases):
        raise ValueError("the result names something twice")
    for path in paths:
        try:
            safe_path(path, where="result")
        except GitError as error:
            raise ValueError(str(error)) from error
    changed = set(told.changed)
    for path in changed:
        parts = path.split("/")
        above = {"/".join(parts[:count]) for count in range(1, len(parts))}
        if above & changed:
            raise ValueError(f"result: {path!r} lies below a file")
