"""Retrieval stages of log analysis: which logged calls bear on a call kind.

The agent retrieves code in stages; these take the place of those where the subject is logs. Each
stage is one ranking rule over the same candidates; ``select`` takes from each in turn, so that no
rule crowds out another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.logs import CallEvidence
from cra_pipeline.contracts.plans import CallRef
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline.logs.agreement import agrees, is_readable

_JUDGED_AGAINST = "failed"


@dataclass(frozen=True, slots=True)
class Stage:
    """One retrieval stage.

    Attributes:
        name: Key of ``STAGES``.
        weight: How much a call bears on its kind by this rule; 0 for not at all.
    """

    name: str
    weight: Callable[[CallEvidence], float]

    def ranked(self, calls: Iterable[CallEvidence]) -> tuple[CallEvidence, ...]:
        """The calls that bear on the kind, weightiest first; equal ones by attempt and number."""
        weighed = [(self.weight(call), call) for call in calls]
        kept = [pair for pair in weighed if pair[0] > 0]
        kept.sort(key=lambda pair: (-pair[0], pair[1].attempt_id, pair[1].number))
        return tuple(call for _, call in kept)


def by_outcome(call: CallEvidence) -> float:
    """1 for a call of an attempt that the hidden tests failed, half where it never got so far."""
    if call.outcome == "passed":
        return 0.0
    return 1.0 if call.outcome == _JUDGED_AGAINST else 0.5


def by_disagreement(call: CallEvidence) -> float:
    """2 where the answer cannot be read, 1 where it differs from the right one, 0 if unknown.

    Of plans and edits many are right: one that differs in an attempt that passed weighs nothing.
    """
    if not is_readable(call.call_kind, call.output):
        return 2.0
    open_ended = CALL_KINDS[call.call_kind].form != "binary"
    if not call.right_answer or (open_ended and call.outcome == "passed"):
        return 0.0
    return 0.0 if agrees(call.call_kind, call.output, call.right_answer) else 1.0


def by_cost(call: CallEvidence) -> float:
    """Tokens, or where nobody counted them, characters at four to a token."""
    return float(call.tokens or call.characters / 4)


STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("disagreement", by_disagreement),
        Stage("outcome", by_outcome),
        Stage("cost", by_cost),
    )
}
"""Every stage by name, in the order in which they take turns."""


def select(
    calls: Sequence[CallEvidence], limit: int, stages: Sequence[str] = tuple(STAGES)
) -> tuple[CallRef, ...]:
    """At most ``limit`` calls, one from each stage in turn, none twice.

    Raises:
        KeyError: No such stage.
    """
    lines = {name: STAGES[name].ranked(calls) for name in stages}
    turns = (
        (name, line[place])
        for place in range(max(map(len, lines.values()), default=0))
        for name, line in lines.items()
        if place < len(line)
    )
    taken: dict[tuple[str, int], CallRef] = {}
    for name, call in turns:
        if len(taken) == limit:
            break
        taken.setdefault((call.attempt_id, call.number), _reference(call, name))
    return tuple(taken.values())


def _reference(call: CallEvidence, rule: str) -> CallRef:
    return CallRef(
        attempt_id=call.attempt_id,
        number=call.number,
        task_id=call.task_id,
        call_kind=call.call_kind,
        rule=rule,
    )
