"""How much of which source the round's training plan asks for, and what it has no use for. Pure.

The plan reads logs alone: of published rows and of commits that nobody attempted it knows nothing.
These are taken last, where what it names leaves room.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from cra_pipeline.datasets.caps import in_turn
from cra_pipeline.datasets.facts import Facts
from cra_pipeline.datasets.replay import ReplayPolicy

TRUST = ("synthetic", "harness", "logged", "cold_start")
"""Sources that a plan does not name, in this order: what a diff knows before what tests passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a plan asks of one dataset.

    Attributes:
        wanted: Rows of the whole dataset, replay included; 0 for as many as there are.
        sources: To draw from, in this order.
    """

    wanted: int = 0
    sources: tuple[str, ...] = ()

    def fresh(self, replay: ReplayPolicy, *, first: bool) -> int:
        """New rows at most, so that replay finds its share; 0 for as many as there are."""
        if first or not self.wanted:
            return self.wanted
        return max(1, int(self.wanted * (1 - Fraction(str(replay.ratio)))))

    def place(self, row: Facts) -> tuple[bool, int]:
        """Turn of a row, least first: what an attempt asked for before what none did."""
        order = (*self.sources, *(name for name in TRUST if name not in self.sources))
        return not row.task_id, order.index(row.source)


def within(rows: Iterable[Facts], quota: Quota, most: int, *, seed: int) -> set[str]:
    """Ids of the rows to keep: at most ``most`` (0 for all), the plan's first source first."""
    queue = in_turn(list(rows), seed)
    # Stable: within a source repositories and call kinds still come by turns.
    queue.sort(key=quota.place)
    return {row.example_id for row in (queue[:most] if most else queue)}


def beyond(rows: int, quota: Quota) -> tuple[str, ...]:
    """A sentence with numbers where a dataset holds more than its plan wants; else nothing."""
    if not quota.wanted or rows <= quota.wanted:
        return ()
    return (f"{rows} rows, the round's training plan wants {quota.wanted} at most",)
