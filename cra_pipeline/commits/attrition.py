"""How many commits each rule took, in the order in which the rules are asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cra_pipeline.commits.rules import ORDER
from cra_pipeline.contracts.commits import CommitRow


@dataclass(frozen=True, slots=True)
class Loss:
    """One rule's share of the attrition."""

    reason: str
    rejected: int
    left: int
    """Commits that hold this rule and all before it."""


def attrition(rows: Iterable[CommitRow]) -> tuple[Loss, ...]:
    """Losses by rule, rules that took nothing included."""
    counts = Counter(row.reason for row in rows)
    left = counts.total()
    losses: list[Loss] = []
    for reason in ORDER:
        left -= counts[reason]
        losses.append(Loss(reason, counts[reason], left))
    return tuple(losses)


def preview(losses: Iterable[Loss]) -> tuple[dict[str, str], ...]:
    """The losses in words, those of nothing left out."""
    return tuple(
        {"rule": loss.reason, "rejected": str(loss.rejected), "left": str(loss.left)}
        for loss in losses
        if loss.rejected
    )
