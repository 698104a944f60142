"""What the agent's test command sends: how the working tree differs from the base.

The same format as in ``packed``, and read as strictly: it comes from where the agent works. There
are no links in it: the tests see ordinary files alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from cra_pipeline.contracts.record import Record
from cra_pipeline.integrations.clean_room.packed import MOST_FILES, Size, pieces_of, require_apart

MOST_BYTES = 32 << 20
"""Of one submission; an agent that edits by hand sends a few files of source."""
_LONGEST_NAME, _LONGEST_PATH = 255, 2000
"""Bytes; a longer one cannot be written, and that would look like the machine's fault."""


class Head(Record):
    """The first line, as ``send_tests.py`` writes it."""

    changed: Annotated[tuple[str, ...], Field(max_length=MOST_FILES)]
    """Paths with new content, whose pieces follow."""
    deleted: Annotated[tuple[str, ...], Field(max_length=MOST_FILES)]
    sizes: Annotated[tuple[Size, ...], Field(max_length=MOST_FILES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A working tree as it differs from the base.

    Attributes:
        changed: New content by path.
        deleted: Paths that are gone.
    """

    changed: Mapping[str, bytes]
    deleted: tuple[str, ...]


def submitted(content: bytes) -> Submission:
    """Take a submission apart.

    Raises:
        ValueError: Cut short, forged, too large, or with paths that lead out of a tree, into each
            other, or are too long for a file system.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"the submission is over {MOST_BYTES} bytes")
    line, newline, rest = content.partition(b"\n")
    if not newline:
        raise ValueError("the submission has no first line")
    head = Head.parse_json(line, where="submission")
    require_apart(head.changed, head.deleted, where="submission")
    for path in (*head.changed, *head.deleted):
        _require_short(path)
    pieces = pieces_of(rest, head.sizes, len(head.changed), where="submission")
    return Submission(
        changed=dict(zip(head.changed, pieces, strict=True)), deleted=tuple(sorted(head.deleted))
    )


def _require_short(path: str) -> None:
    longest = max(len(part.encode()) for part in path.split("/"))
    if longest > _LONGEST_NAME or len(path.encode()) > _LONGEST_PATH:
        raise ValueError(f"submission: {path[:60]!r}… is too long for a file's path")
