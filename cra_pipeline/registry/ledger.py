"""The ledger's lines: bound to each other, complete, and never before the one above in time.

What the lines mean is told by ``standing``; where they lie by ``stage.book``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cra_pipeline.contracts.registry import LedgerHead, LedgerLine
from cra_pipeline.errors import RegistryError

REMEDY = (
    "the ledger is only ever appended to: restore ledger.jsonl and head.json from a backup; "
    "the adapters in service stay as they are"
)
"""What to do about a ledger that is not whole."""


def read_lines(content: bytes, head: LedgerHead | None, *, where: str) -> tuple[LedgerLine, ...]:
    """Every line, once it is sure that none was changed, moved, added or taken away.

    A kill between the ledger and its head leaves one line that the head does not know yet; more
    than one were not written by the registry.

    Args:
        content: The whole file; empty where there is none.
        head: The last line as it was told apart from the file; None where none was yet.
        where: Names the file in errors.

    Raises:
        RegistryError: As said; the message names the line, counted from 1 as editors do.
    """
    texts = content.split(b"\n")
    if texts.pop():
        raise _damaged(where, len(texts) + 1, "is cut off: it has no end")
    lines: list[LedgerLine] = []
    for number, text in enumerate(texts):
        lines.append(_line(text, number, lines[-1].content if lines else "", where))
    _require_head(lines, head, where)
    return tuple(lines)


def drafted(lines: Sequence[LedgerLine], now: float, **fields: Any) -> LedgerLine:  # noqa: ANN401  # fields of a line, checked by it
    """The line that would come next, bound to the last one.

    Args:
        lines: All lines so far.
        now: Seconds since the epoch; a clock that went back is held at the last line's time.
        fields: All but ``number``, ``previous`` and ``at``.
    """
    last = lines[-1] if lines else None
    return LedgerLine(
        number=len(lines),
        previous=last.content if last else "",
        at=max(int(now), last.at if last else 0),
        **fields,
    )


def head_of(line: LedgerLine) -> LedgerHead:
    """What is told of the last line apart from the ledger."""
    return LedgerHead(number=line.number, content=line.content)


def _line(text: bytes, number: int, previous: str, where: str) -> LedgerLine:
    try:
        line = LedgerLine.parse_json(text, where=f"{where}:{number + 1}")
    except ValueError as error:
        raise RegistryError(f"{error}: {REMEDY}") from error
    if line.number != number:
        raise _damaged(
            where, number + 1, f"bears number {line.number}, expected {number}: a line before it "
            "was removed, added or moved"
        )  # fmt: skip
    if line.previous != previous:
        raise _damaged(
            where, number + 1, f"continues {line.previous[:12] or 'nothing'}, but the line above "
            f"is {previous[:12] or 'none'}: line {number} was edited"
        )  # fmt: skip
    if line.canonical_json().encode() != text:
        raise _damaged(where, number + 1, "is not as the registry writes lines: it was edited")
    return line


def _require_head(lines: Sequence[LedgerLine], head: LedgerHead | None, where: str) -> None:
    known = -1 if head is None else head.number
    if len(lines) <= known:
        raise _damaged(where, len(lines) + 1, f"is missing: there were {known + 1} lines")
    if len(lines) > known + 2:
        raise _damaged(
            where, known + 3, f"is unknown: head.json knows {known + 1} lines, and the registry "
            "writes one at a time"
        )  # fmt: skip
    if head is not None and lines[known].content != head.content:
        raise _damaged(where, known + 1, f"was edited: head.json knows {head.content[:12]}")


def _damaged(where: str, number: int, fault: str) -> RegistryError:
    return RegistryError(f"{where}: line {number} {fault}: {REMEDY}")
