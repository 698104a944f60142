"""PyDriller's file of a commit, with only those definitions in view that the commit touches.

PyDriller parses a whole file, before and after, to find two changed methods; in histories with
modules of thousands of lines that is nearly all the time there is. Definitions without a changed
line are blanked out first, line by line, so that numbers stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydriller.domain.commit import ModifiedFile

_START = re.compile(r"(?: {4}|\t)?(?:async[ \t]+def|def|class|@)\b|(?: {4}|\t)?@")
_CLASS = re.compile(r"[ \t]*class\b")
_TRIPLE = re.compile(r'"""|\'\'\'')


class FocusedFile(ModifiedFile):  # type: ignore[misc]  # PyDriller publishes no types
    """A modified file whose texts hold the touched definitions only.

    Attributes:
        added: Numbers of added lines, in the text after.
        deleted: Numbers of deleted lines, in the text before.
        whole: The full texts, (before, after).
    """

    def __init__(self, diff: Any) -> None:  # noqa: ANN401  # GitPython's Diff
        super().__init__(diff)
        lines = self.diff_parsed
        self.added = frozenset(number for number, _ in lines["added"])
        self.deleted = frozenset(number for number, _ in lines["deleted"])
        self.whole = (_decoded(self.content_before), _decoded(self.content))
        self._before = focused(self.whole[0], self.deleted)
        self._after = focused(self.whole[1], self.added)

    @property
    def source_code(self) -> str:
        """The text after, blanked."""
        return self._after

    @property
    def source_code_before(self) -> str:
        """The text before, blanked."""
        return self._before


def focused(text: str, numbers: Iterable[int]) -> str:
    """The text with every definition blanked that holds none of the lines.

    A text whose strings would be cut in two is left as it is.

    Args:
        text: Python source of any version.
        numbers: Line numbers from 1.
    """
    wanted = set(numbers)
    kept: list[str] = []
    for block, first in _blocks(text.split("\n")):
        if any(number in wanted for number in range(first, first + len(block))):
            if len(_TRIPLE.findall("\n".join(block))) % 2:
                return text
            kept.extend(block)
        else:
            kept.extend(_blanked(line) for line in block)
    return "\n".join(kept)


def _blanked(line: str) -> str:
    # Methods keep a class above them, or the first one would seem to hold all the others.
    header = _CLASS.match(line)
    return f"{header.group()} _:" if header else ""


def _blocks(lines: list[str]) -> Iterable[tuple[list[str], int]]:
    """Runs of lines from one definition's start to the next, with the first line's number."""
    starts = [0]
    for index, line in enumerate(lines):
        # A decorator opens the block of what it decorates.
        opens = _START.match(line) and not lines[index - 1].lstrip().startswith("@")
        if index and opens:
            starts.append(index)
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start:end], start + 1


def _decoded(content: bytes | None) -> str:
    # As PyDriller decodes: what is no UTF-8 is left out, so that positions by line stay.
    return (content or b"").decode("utf-8", "ignore")
