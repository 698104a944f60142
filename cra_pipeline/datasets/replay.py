"""What a dataset repeats of earlier rounds, so that old lessons are not unlearnt.

The replayed rows lie so evenly that every twenty rows in a row hold their share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from cra_pipeline.datasets.refusal import Refusal

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPolicy:
    """Share of the replayed examples.

    Attributes:
        ratio: Replayed examples as a share of the finished dataset, in [0, 1): the aim.
        least: Smallest share that is accepted, for lack of earlier rows.
        most: Largest share that is accepted.
        given_up: Most fresh rows that are left out so that replay finds room, as a share of them.
        stretch: In so many consecutive rows the share holds, but for rounding.
    """

    ratio: float = 0.15
    least: float = 0.1
    most: float = 0.2
    given_up: float = 0.25
    stretch: int = 20

    def count(self, fresh: int) -> int:
        """Replayed examples that ``fresh`` new ones call for, rounded down."""
        return _beside(fresh, self.ratio)

    def fewest(self, fresh: int) -> int:
        """Fewest replayed examples beside so many new ones, rounded up."""
        share = Fraction(str(self.least))
        return -int(-fresh * share // (1 - share))

    def fewest_fresh(self, fresh: int) -> int:
        """Fresh rows below which no more are given up; at least one."""
        return max(1, fresh - int(Fraction(str(self.given_up)) * fresh))

    def fresh_beside(self, replayed: int) -> int:
        """Most new examples beside so many replayed ones."""
        share = Fraction(str(self.least))
        return int(replayed * (1 - share) / share)


def _beside(fresh: int, ratio: float) -> int:
    # Exact: in binary floats a ratio of 0.12 loses one example in 22.
    share = Fraction(str(ratio))
    return int(fresh * share / (1 - share))


def require_share(fresh: int, replayed: int, policy: ReplayPolicy) -> None:
    """Refuse a dataset whose share of replay lies outside of the policy.

    Raises:
        Refusal: As said, with numbers.
    """
    if found := share_fault(fresh, replayed, policy):
        raise Refusal(
            f"{found}: run more attempts in the earlier rounds, or give this round fewer of its "
            f"own ({policy.fresh_beside(replayed)} would do)"
        )


def share_fault(fresh: int, replayed: int, policy: ReplayPolicy) -> str:
    """What is wrong with a share, with numbers; empty where nothing is."""
    total = fresh + replayed
    if not total:
        return "no rows"
    share = Fraction(replayed, total)
    if Fraction(str(policy.least)) <= share <= Fraction(str(policy.most)):
        return ""
    return (
        f"{replayed} replayed rows beside {fresh} new ones are {replayed / total:.1%} of the "
        f"dataset, expected {policy.least:.0%} to {policy.most:.0%}"
    )


def spread(fresh: Sequence[T], replayed: Sequence[T]) -> list[T]:
    """Both in one list, each in its order, the replayed ones as evenly as can be."""
    total = len(fresh) + len(replayed)
    new, old = iter(fresh), iter(replayed)
    return [
        next(old) if (place + 1) * len(replayed) // total > place * len(replayed) // total
        else next(new)
        for place in range(total)
    ]  # fmt: skip


def uneven(marks: Sequence[bool], policy: ReplayPolicy) -> tuple[str, ...]:
    """Where a stretch of rows holds too few or too many replayed ones; the first place only.

    Args:
        marks: For each row in order, whether it is replayed.
        policy: The share and the stretch.
    """
    size = policy.stretch
    if len(marks) < size:
        return ()
    least = int(Fraction(str(policy.least)) * size)
    most = -int(-Fraction(str(policy.most)) * size // 1)
    inside = sum(marks[:size])
    for start in range(len(marks) - size + 1):
        if start:
            inside += marks[start + size - 1] - marks[start - 1]
        if not least <= inside <= most:
            where = f"rows {start + 1} to {start + size}"
            return (f"{where} hold {inside} replayed ones, expected {least} to {most}",)
    return ()
