r"""Differences between two versions of files, as line ranges and as patches that git applies.

Pure. Text is split at ``\n`` only, as git does: a ``\r`` or a form feed belongs to its line.
Reading git's object store belongs to ``integrations.git``, judging a change to the stages.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

CONTEXT = 3
"""Unchanged lines shown around a change, as git shows."""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class Change:
    """Lines ``old`` of the earlier text became lines ``new`` of the later one (from 0)."""

    old: range
    new: range


@dataclass(frozen=True, slots=True)
class Blob:
    """Content of a path with its git mode, such as ``100644``."""

    mode: str
    content: bytes


@dataclass(frozen=True, slots=True)
class TreeChange:
    """Files that differ between two trees.

    Attributes:
        before: Earlier content by path; added files are absent.
        after: Later content by path; deleted files are absent.
    """

    before: Mapping[str, Blob]
    after: Mapping[str, Blob]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that differs, sorted."""
        return tuple(sorted({*self.before, *self.after}))

    def only(self, paths: Iterable[str]) -> TreeChange:
        """The part of the change that lies in the given paths."""
        wanted = set(paths)
        return TreeChange(
            {path: blob for path, blob in self.before.items() if path in wanted},
            {path: blob for path, blob in self.after.items() if path in wanted},
        )

    def without(self, paths: Iterable[str]) -> TreeChange:
        """The part of the change that lies elsewhere."""
        return self.only(set(self.paths) - set(paths))

    @property
    def patch(self) -> str:
        """The change as ``unified_diff`` says it."""
        return unified_diff(self.before, self.after)

    @property
    def deleted(self) -> tuple[str, ...]:
        """Paths to remove once ``after`` is laid over the earlier tree, sorted.

        A file in whose place a folder came, or the other way round, is gone already.
        """
        gone = set(self.before) - set(self.after)
        folders = {str(parent) for path in self.after for parent in PurePosixPath(path).parents}
        return tuple(
            sorted(
                path
                for path in gone
                if path not in folders
                and not any(str(parent) in self.after for parent in PurePosixPath(path).parents)
            )
        )


def lines_of(text: str) -> list[str]:
    """Lines with their ends; together they are the text again."""
    lines = text.split("\n")
    ended = [f"{line}\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def changes(before: str, after: str) -> tuple[Change, ...]:
    """Changed line ranges in order; none overlap, at least one unchanged line lies between."""
    return tuple(_changes(lines_of(before), lines_of(after)))


def _changes(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    matcher = difflib.SequenceMatcher(
        None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False
    )
    return [
        Change(range(head + i1, head + i2), range(head + j1, head + j2))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the common head: matching starts after it, or long files cost seconds."""
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return length


def unified_diff(before: Mapping[str, Blob], after: Mapping[str, Blob]) -> str:
    """A patch from ``before`` to ``after`` that ``git apply`` reproduces to the byte.

    Content that is not UTF-8, or holds a NUL, goes in as git's binary literal.

    Args:
        before: Earlier content by path; a path that is absent is added.
        after: Later content by path; a path that is absent is deleted.
    """
    paths = sorted({*before, *after})
    return "".join(_section(path, before.get(path), after.get(path)) for path in paths)


def _section(path: str, old: Blob | None, new: Blob | None) -> str:
    if old == new:
        return ""
    if old is not None and new is not None and old.mode[:2] != new.mode[:2]:
        # A file that becomes a link is two sections, as in git's own patches.
        return _section(path, old, None) + _section(path, None, new)
    head = f"diff --git {_quoted('a/' + path)} {_quoted('b/' + path)}\n{_mode_lines(old, new)}"
    earlier, later = _text(old), _text(new)
    if earlier is None or later is None:
        return head + _binary(old, new)
    if earlier == later:
        return head
    from_name = "/dev/null" if old is None else _name("a/" + path)
    to_name = "/dev/null" if new is None else _name("b/" + path)
    return f"{head}--- {from_name}\n+++ {to_name}\n{''.join(_hunks(earlier, later))}"


def _mode_lines(old: Blob | None, new: Blob | None) -> str:
    if old is None:
        return f"new file mode {new.mode}\n" if new else ""
    if new is None:
        return f"deleted file mode {old.mode}\n"
    return "" if old.mode == new.mode else f"old mode {old.mode}\nnew mode {new.mode}\n"


def _text(blob: Blob | None) -> str | None:
    """The blob as text; None where a patch of lines could not carry it."""
    content = b"" if blob is None else blob.content
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _quoted(path: str) -> str:
    if not any(char in _ESCAPES or ord(char) < 0x20 or ord(char) == 0x7F for char in path):  # noqa: PLR2004  # control characters
        return path
    octal = (f"\\{ord(char):03o}" if _control(char) else char for char in path)
    return '"' + "".join(_ESCAPES.get(char, char) for char in octal) + '"'


def _control(char: str) -> bool:
    return char not in _ESCAPES and (ord(char) < 0x20 or ord(char) == 0x7F)  # noqa: PLR2004  # the same


def _name(path: str) -> str:
    """A name as it stands in ``---`` and ``+++`` lines; a tab ends one that holds a space."""
    quoted = _quoted(path)
    return f"{quoted}\t" if " " in quoted else quoted


def _hunks(before: str, after: str) -> Iterator[str]:
    old, new = lines_of(before), lines_of(after)
    for group in _grouped(_changes(old, new)):
        start = max(group[0].old.start - CONTEXT, 0)
        stop = min(group[-1].old.stop + CONTEXT, len(old))
        shift = group[0].new.start - group[0].old.start
        grown = sum(len(change.new) - len(change.old) for change in group)
        here = _span(start, stop - start)
        there = _span(start + shift, stop - start + grown)
        yield f"@@ -{here} +{there} @@\n"
        position = start
        for change in group:
            yield from _marked(" ", old[position : change.old.start])
            yield from _marked("-", old[change.old.start : change.old.stop])
            yield from _marked("+", new[change.new.start : change.new.stop])
            position = change.old.stop
        yield from _marked(" ", old[position:stop])


def _grouped(found: Sequence[Change]) -> Iterator[list[Change]]:
    """Changes whose contexts touch are one hunk."""
    group: list[Change] = []
    for change in found:
        if group and change.old.start - group[-1].old.stop > 2 * CONTEXT:
            yield group
            group = []
        group.append(change)
    if group:
        yield group


def _span(start: int, count: int) -> str:
    # An empty range is named by the line before it.
    first = start + 1 if count else start
    return str(first) if count == 1 else f"{first},{count}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        ending = "" if line.endswith("\n") else "\n\\ No newline at end of file\n"
        yield f"{mark}{line}{ending}"


def _binary(old: Blob | None, new: Blob | None) -> str:
    ids = f"{_blob_id(old)}..{_blob_id(new)}"
    mode = f" {old.mode}" if old and new and old.mode == new.mode else ""
    literals = "".join(_literal(b"" if blob is None else blob.content) for blob in (new, old))
    return f"index {ids}{mode}\nGIT binary patch\n{literals}"


def _blob_id(blob: Blob | None) -> str:
    if blob is None:
        return "0" * 40
    head = f"blob {len(blob.content)}\0".encode()
    return hashlib.sha1(head + blob.content, usedforsecurity=False).hexdigest()


def _literal(content: bytes) -> str:
    """One half of a binary patch: base 85 in lines of 52 bytes, each led by its length."""
    packed = zlib.compress(content)
    lines = []
    for start in range(0, len(packed), 52):
        piece = packed[start : start + 52]
        lead = chr(len(piece) + 64) if len(piece) <= 26 else chr(len(piece) + 70)  # noqa: PLR2004  # A-Z, then a-z
        lines.append(f"{lead}{base64.b85encode(piece, pad=True).decode()}\n")
    return f"literal {len(content)}\n{''.join(lines)}\n"
