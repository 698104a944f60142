"""Reading the result channel: which lines count, and which rule a forger broke.

Pure. A line is ``<number> <hmac> <json>``: numbers run from 0 without a gap, the HMAC (SHA-256,
keyed by the run's nonce) covers number and JSON, the last line closes the session with its counts.
Planting and judging sentinels belongs to ``sentinels``.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Literal

from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.testrun import TestResult


class Line(Record):
    """One signed line; which fields count hangs on ``kind``."""

    kind: Literal["test", "item", "collect", "end"]
    id: str = ""
    result: TestResult = TestResult.ERROR
    detail: str = ""
    missing: tuple[str, ...] = ()
    """Top-level names of modules that could not be imported."""
    code: int = 0
    """Closing line: exit code of pytest."""
    tests: int = 0
    """Closing line: finished tests, sentinels included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a channel held.

    Attributes:
        lines: In the order sent, the closing line left out.
        closing: None where the session was cut short.
        forged: The first rule that was broken, or empty; later lines were not read.
    """

    lines: tuple[Line, ...]
    closing: Line | None
    forged: str


def read_channel(content: bytes, nonce: bytes) -> Session:
    """Read all that arrived; a torn last line is what a kill leaves, and forgotten."""
    lines: list[Line] = []
    closing: Line | None = None
    *whole, torn = content.split(b"\n")
    for number, raw in enumerate(whole):
        if closing is not None:
            return Session(lines=tuple(lines), closing=None, forged="line_after_closing")
        line = _read_line(raw, number, nonce)
        if isinstance(line, str):
            return Session(lines=tuple(lines), closing=None, forged=line)
        if line.kind == "end":
            closing = line
        else:
            lines.append(line)
    if closing is not None and torn:
        return Session(lines=tuple(lines), closing=None, forged="line_after_closing")
    if closing is not None and closing.tests != sum(line.kind == "test" for line in lines):
        return Session(lines=tuple(lines), closing=None, forged="wrong_count")
    return Session(lines=tuple(lines), closing=closing, forged="")


def _read_line(raw: bytes, number: int, nonce: bytes) -> Line | str:
    """The line, or the name of the rule that it breaks."""
    head, _, rest = raw.partition(b" ")
    signature, _, body = rest.partition(b" ")
    expected = hmac.new(nonce, head + b" " + body, "sha256").hexdigest()
    # Compared as bytes: text that is not ASCII would raise.
    if not hmac.compare_digest(signature, expected.encode()):
        return "bad_signature"
    if head != b"%d" % number:
        return "broken_sequence"
    try:
        return Line.parse_json(body, where=f"channel:{number}")
    except ValueError:
        return "unreadable_line"
