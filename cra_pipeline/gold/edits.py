r"""Search-and-replace edits in the agent's format: written, read and applied by its rules.

Text goes through the format unchanged or not at all: ``sayable`` tells which. Finding good search
texts belongs to ``searching``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_OPENING = re.compile(r'<edit\s+file="([^"]+)">')
_CLOSING = "</edit>"
_THINKING = "<think>"


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement; ``search`` must occur exactly once at its turn."""

    path: str
    search: str
    replacement: str


def written(edits: Iterable[Edit]) -> str:
    """The answer that says these edits, in order."""
    return "\n".join(
        f'<edit file="{edit.path}">\n<search>\n{edit.search}\n</search>\n'
        f"<replacement>\n{edit.replacement}\n</replacement>\n</edit>"
        for edit in edits
    )


def read(answer: str) -> tuple[Edit, ...]:
    """The edits that the agent reads in an answer; prose around them is ignored.

    Raises:
        ValueError: The agent would refuse the answer; the message says which block.
    """
    edits = tuple(_of_block(path.strip(), inner) for path, inner in _blocks(answer))
    if not edits:
        raise ValueError("the answer holds no <edit> block")
    return edits


def _blocks(answer: str) -> Iterator[tuple[str, str]]:
    """Path and inside of each block, up to the first closing tag after its opening one."""
    # By plain searches: a pattern would look for the end of every block that has none.
    position = 0
    while opening := _OPENING.search(answer, position):
        stop = answer.find(_CLOSING, opening.end())
        if stop < 0:
            return
        yield opening[1], answer[opening.end() : stop]
        position = stop + len(_CLOSING)


def _of_block(path: str, inner: str) -> Edit:
    search = _between(inner, "search", path)
    replacement = _between(inner, "replacement", path)
    if not path or not search:
        raise ValueError(f"{path!r}: an <edit> block without path or search text")
    return Edit(path, search, replacement)


def _between(inner: str, tag: str, path: str) -> str:
    # First opening and last closing tag, as the agent looks for them.
    start, stop = inner.find(f"<{tag}>"), inner.rfind(f"</{tag}>")
    if start < 0 or stop <= start:
        raise ValueError(f"{path!r}: an <edit> block without a whole <{tag}>")
    text = inner[start + len(tag) + 2 : stop]
    for newline in ("\r\n", "\n"):
        if text.startswith(newline):
            text = text.removeprefix(newline)
            break
    for newline in ("\r\n", "\n"):
        if text.endswith(newline):
            return text.removesuffix(newline)
    return text


def sayable(edit: Edit) -> bool:
    """Whether the agent would read exactly this edit back.

    Tags of the format inside the text, a quote in the path or an opening thought break it.
    """
    answer = written([edit])
    if _THINKING in answer:
        return False
    try:
        return read(answer) == (edit,)
    except ValueError:
        return False


def applied(edits: Iterable[Edit], texts: Mapping[str, str]) -> dict[str, str]:
    """New texts of the files that the edits change, all of them or an error.

    Paths that mean the same file by other letters start from its text each, as with the agent;
    the last one stays.

    Raises:
        ValueError: A file is missing, or a search text does not occur exactly once at its turn.
    """
    fresh: dict[str, str] = {}
    for number, edit in enumerate(edits):
        known = texts.get(posixpath.normpath(edit.path))
        if known is None:
            raise ValueError(f"edit {number}: {edit.path!r} is no known file")
        text = fresh.setdefault(edit.path, known)
        if (found := text.count(edit.search)) != 1:
            raise ValueError(f"edit {number}: the search text occurs {found} times in {edit.path}")
        fresh[edit.path] = text.replace(edit.search, edit.replacement, 1)
    return {posixpath.normpath(path): text for path, text in fresh.items()}
