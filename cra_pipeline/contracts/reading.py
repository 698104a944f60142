"""What a person made of the rows that were read."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.record import Record


class ReadingMark(Record):
    """A person's word on one row."""

    example_id: str
    verdict: Literal["", "good", "bad", "unsure"]
    """Empty where it was not read yet."""
    note: str


class ReadingMarks(Record):
    """Marks of one reading sheet, as its page saves them and as a person may edit them."""

    adapter_kind: str
    round: str
    form: Literal["sft", "dpo"]
    content_id: str
    """Of the dataset that was read: a later one has another sheet."""
    seed: int
    """Of the draw."""
    marks: tuple[ReadingMark, ...]
    """One for each row of the sheet, in the sheet's order."""

    def read(self) -> int:
        """Rows that have a verdict."""
        return sum(bool(mark.verdict) for mark in self.marks)

    def said(self, verdict: str) -> int:
        """Rows with this verdict."""
        return sum(mark.verdict == verdict for mark in self.marks)
