"""Right answers for logged calls, whoever answered them, and a fair share of "no" among them.

Pure. Nine in ten yes/no questions have "no" for an answer: a model that always says "no" looks
right and shows the agent nothing. So what is taken out, and what was found, stays on record.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.ports import Oracle
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.kinds import CALL_KINDS, read_verdict


def relabel(oracle: Oracle, calls: Iterable[CallRecord]) -> tuple[str, ...]:
    """The right answer to each call of one attempt, in the same order; empty where unknown.

    The oracle is asked before it hears what was really answered. A call without an answer is
    observed as the empty answer. A call of unknown kind is passed over.

    Args:
        oracle: Fresh: it knows the attempt's commit and has seen no call yet.
        calls: All calls of the attempt, in order.

    Raises:
        ValueError: The calls are of several attempts or out of order.
    """
    listed = list(calls)
    _require_one_attempt(listed)
    return tuple(_answered(oracle, call) for call in listed)


def _require_one_attempt(calls: Sequence[CallRecord]) -> None:
    places = [(call.attempt, call.number) for call in calls]
    for one, other in pairwise(places):
        if one[0] != other[0] or one[1] >= other[1]:
            raise ValueError(
                f"call {other[1]} of attempt {other[0]!r} follows call {one[1]} of {one[0]!r}: "
                "expected the calls of one attempt in order"
            )


def _answered(oracle: Oracle, call: CallRecord) -> str:
    if not call.call_kind:
        return ""
    try:
        answer = oracle.answer(call.call_kind, call.prompt)
    except (ValueError, RecursionError):
        # What a model nested too deeply for its answer to be read is unknown, not an error.
        answer = ""
    heard = "" if call.finish == "error" else call.response
    oracle.observe(call.call_kind, call.prompt, heard)
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancePolicy:
    """How many "no" a call kind may have.

    Attributes:
        no_per_yes: Most right answers "no" for each "yes" of the same kind.
        fewest_no: So many are kept in any case: a kind without a "yes" still has examples.
        seed: Seeds the choice.
    """

    no_per_yes: float = 3.0
    fewest_no: int = 8
    seed: int = 0

    def most(self, yes: int) -> int:
        """The "no" kept beside so many "yes", rounded down."""
        # Exact: a binary float would lose one now and then.
        return max(self.fewest_no, int(Fraction(str(self.no_per_yes)) * yes))


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCount:
    """Yes/no questions of one kind, before anything was taken out.

    Attributes:
        call_kind: Key of ``CALL_KINDS``.
        yes: Right answers "yes".
        no: Right answers "no".
        unknown: Questions without a right answer; all are kept.
        kept_no: "No" that are kept; all "yes" are.
        found: Of ``yes``, those that were answered "yes".
        missed: Of ``yes``, those that were answered "no" or something that the agent takes for it.
        mistaken: Of ``no``, those that were answered "yes".
    """

    call_kind: str
    yes: int
    no: int
    unknown: int
    kept_no: int
    found: int
    missed: int
    mistaken: int

    @property
    def no_per_yes(self) -> float | None:
        """The ratio as it was; None without a "yes"."""
        return self.no / self.yes if self.yes else None

    @property
    def recall(self) -> float | None:
        """Share of the right "yes" that were answered so; None without a "yes"."""
        return self.found / self.yes if self.yes else None


@dataclass(frozen=True, slots=True)
class Balanced:
    """Every row, in one of two heaps and in the order given, with the counts on record."""

    kept: tuple[TripleRow, ...]
    dropped: tuple[TripleRow, ...]
    counts: tuple[KindCount, ...]
    """One for each yes/no kind that occurs, sorted by kind."""


def balance(triples: Iterable[TripleRow], policy: BalancePolicy) -> Balanced:
    """Take out "no" where there are too many of them, by content id alone.

    Which rows are kept hangs on neither their order nor on rows of other kinds. Rows of other
    than yes/no kinds are all kept.

    Raises:
        ValueError: A content id occurs twice.
    """
    rows = list(triples)
    counted = Counter(row.triple_id for row in rows)
    for name, times in counted.items():
        if times > 1:
            raise ValueError(f"triple {name} occurs {times} times: keep distinct triples first")
    by_kind: dict[str, list[TripleRow]] = defaultdict(list)
    for row in rows:
        if is_binary(row.call_kind):
            by_kind[row.call_kind].append(row)
    gone = {name for found in by_kind.values() for name in _surplus(found, policy)}
    return Balanced(
        kept=tuple(row for row in rows if row.triple_id not in gone),
        dropped=tuple(row for row in rows if row.triple_id in gone),
        counts=tuple(_count(kind, by_kind[kind], policy) for kind in sorted(by_kind)),
    )


def is_binary(call_kind: str) -> bool:
    """Whether calls of a kind are answered by yes or no."""
    return call_kind in CALL_KINDS and CALL_KINDS[call_kind].form == "binary"


def _surplus(rows: Sequence[TripleRow], policy: BalancePolicy) -> list[str]:
    right = [read_verdict(row.right_answer) for row in rows]
    no = [row.triple_id for row, verdict in zip(rows, right, strict=True) if verdict is False]
    no.sort(key=lambda name: hashlib.sha256(f"{policy.seed}\0{name}".encode()).hexdigest())
    return no[policy.most(right.count(True)) :]


def _count(kind: str, rows: Sequence[TripleRow], policy: BalancePolicy) -> KindCount:
    pairs = Counter((read_verdict(row.right_answer), read_verdict(row.output)) for row in rows)
    right: Counter[bool | None] = Counter()
    for (verdict, _), times in pairs.items():
        right[verdict] += times
    return KindCount(
        call_kind=kind,
        yes=right[True],
        no=right[False],
        unknown=right[None],
        kept_no=min(right[False], policy.most(right[True])),
        found=pairs[True, True],
        missed=right[True] - pairs[True, True],
        mistaken=pairs[False, True],
    )
