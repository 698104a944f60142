"""A fair share of yes and no in every kind of question.

Nine in ten questions have "no" for an answer; a model that has learnt to say "no" looks right and
shows the agent nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cra_pipeline.datasets.facts import Facts, rank


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancePolicy:
    """How uneven the answers of a call kind may be.

    Attributes:
        most_per_one: Most rows of the more frequent answer for each of the rarer one.
        fewest: So many of an answer are kept in any case, even beside none of the other.
    """

    most_per_one: float = 2.0
    fewest: int = 8

    def most(self, other: int) -> int:
        """Rows of one answer that may stand beside so many of the other, rounded down."""
        # Exact: a binary float would lose a row now and then.
        return max(self.fewest, int(Fraction(str(self.most_per_one)) * other))


def balanced(rows: Iterable[Facts], policy: BalancePolicy, *, seed: int) -> set[str]:
    """Ids of the rows to keep; those that ask no yes/no question are all kept."""
    listed = list(rows)
    counts = Counter(row.stratum for row in listed)
    kept: set[str] = set()
    taken: Counter[tuple[str, bool | None]] = Counter()
    for row in sorted(listed, key=lambda item: rank(item.example_id, seed)):
        if row.verdict is not None:
            most = policy.most(counts[row.call_kind, not row.verdict])
            if taken[row.stratum] >= most:
                continue
            taken[row.stratum] += 1
        kept.add(row.example_id)
    return kept


def unbalanced(rows: Sequence[Facts], policy: BalancePolicy) -> tuple[str, ...]:
    """What is uneven, one sentence each, with numbers."""
    counts = Counter(row.stratum for row in rows if row.verdict is not None)
    return tuple(
        f"{kind}: {count} rows answer {'yes' if verdict else 'no'} beside "
        f"{counts[kind, not verdict]} of the other, at most "
        f"{policy.most(counts[kind, not verdict])} may"
        for (kind, verdict), count in sorted(counts.items(), key=str)
        if count > policy.most(counts[kind, not verdict])
    )
