"""How much of a dataset a model of ours may have written: one fed on its own echoes collapses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cra_pipeline.datasets.caps import in_turn
from cra_pipeline.datasets.facts import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfPolicy:
    """How much a student may teach itself.

    Attributes:
        most: Most rows that a student wrote, as a share of the dataset, in [0, 1).
        teachers: Models that are no students, by the names in the calls' logs.
    """

    most: float = 0.5
    teachers: tuple[str, ...] = ()

    def is_own(self, row: Facts) -> bool:
        """Whether a student wrote it; a model that is not known as a teacher counts as one."""
        return bool(row.author) and row.author not in self.teachers

    def beside(self, others: int) -> int:
        """Rows of students that may stand beside so many others, rounded down."""
        share = Fraction(str(self.most))
        return int(others * share / (1 - share))


def few_own(rows: Iterable[Facts], policy: SelfPolicy, *, seed: int) -> set[str]:
    """Ids of the rows to keep."""
    listed = list(rows)
    own = [row for row in listed if policy.is_own(row)]
    others = {row.example_id for row in listed} - {row.example_id for row in own}
    kept = in_turn(own, seed)[: policy.beside(len(others))]
    return others | {row.example_id for row in kept}


def too_much_own(rows: Sequence[Facts], policy: SelfPolicy) -> tuple[str, ...]:
    """A sentence with numbers where students wrote too much; else nothing."""
    own = sum(policy.is_own(row) for row in rows)
    if own <= Fraction(str(policy.most)) * len(rows):
        return ()
    return (f"{own} of {len(rows)} rows were written by students, at most {policy.most:.0%} may",)
