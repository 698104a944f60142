"""How few rows are a dataset at all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePolicy:
    """Below which size a dataset is none.

    Whether so many are worth a training is the training plan's to say, which wants hundreds: this
    is the size at which the other rules begin to mean something.

    Attributes:
        least: Rows. Shares are counted in whole rows, and a training holds back a tenth of them to
            tell when to stop: of fewer than ten that is none, and a fifth of them is one row.
    """

    least: int = 10


def size_fault(rows: int, policy: SizePolicy) -> str:
    """A sentence with numbers where there are too few rows; else empty."""
    if rows >= policy.least:
        return ""
    return f"too few rows: {rows}, expected {policy.least} or more"
