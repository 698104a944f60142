"""From an attempt's trace and its calls to the rows that gates read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.gates import HoldoutAnswer, HoldoutAttempt
from cra_pipeline.contracts.tasks import Outcome, TaskRow
from cra_pipeline.contracts.triples import prompt_hash
from cra_pipeline.harness.answer_scores import score
from cra_pipeline.harness.arms import ArmCast
from cra_pipeline.harness.campaigning import JUDGED
from cra_pipeline.harness.holdout import Reason
from cra_pipeline.harness.records import Trace, unit_key
from cra_pipeline.harness.relabel import is_binary
from cra_pipeline.kinds import read_verdict

_DETAIL_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a row belongs.

    Attributes:
        name: Adapter kind, or what stands in place of one.
        round: Whose holdout is asked.
        arm: Who answered.
        served_as: Precision of the served form.
        task: That was attempted.
        reason: Why it is in the holdout.
        seed: Of the attempt.
        temperature: Of its calls.
    """

    name: str
    round: str
    arm: ArmCast
    served_as: str
    task: TaskRow
    reason: Reason
    seed: int
    temperature: float


def attempt_of(place: Place, trace: Trace, calls: Sequence[CallRecord]) -> HoldoutAttempt:
    """The row of a finished attempt."""
    row, asked = trace.attempt, asked_of(place.arm, calls)
    words = f"{row.reason}: {row.detail}"[:_DETAIL_CHARS]
    mean = sum(call.latency_ms for call in asked) / len(asked) if asked else 0.0
    return _row(
        place,
        attempt_id=row.attempt_id,
        outcome=row.outcome,
        detail="" if row.outcome in JUDGED else words,
        calls=len(asked),
        latency_ms=round(mean, 3),
    )


def lost(place: Place, why: str) -> HoldoutAttempt:
    """The row of an attempt that could not be made, for a fault of its repository here."""
    key = unit_key("lost", place.arm.key(place.served_as), place.task.task_id, str(place.seed))
    return _row(
        place,
        attempt_id=key,
        outcome=Outcome.SANDBOX_ERROR,
        detail=f"repository_failed: {why}"[:_DETAIL_CHARS],
        calls=0,
        latency_ms=0.0,
    )


def _row(  # noqa: PLR0913  # one for each field that hangs on the attempt
    place: Place,
    *,
    attempt_id: str,
    outcome: Outcome,
    detail: str,
    calls: int,
    latency_ms: float,
) -> HoldoutAttempt:
    return HoldoutAttempt(
        adapter_kind=place.name,
        round=place.round,
        arm=place.arm.arm,
        model=place.arm.model,
        served_as=place.served_as,
        task_id=place.task.task_id,
        repo=place.task.repo,
        reason=place.reason,
        seed=place.seed,
        temperature=place.temperature,
        attempt_id=attempt_id,
        outcome=outcome.value,
        detail=detail,
        calls=calls,
        latency_ms=latency_ms,
    )


def asked_of(arm: ArmCast, calls: Sequence[CallRecord]) -> tuple[CallRecord, ...]:
    """Calls of the kinds that a model answers in an arm."""
    return tuple(call for call in calls if call.call_kind in arm.answered)


def answers_of(place: Place, trace: Trace, calls: Sequence[CallRecord]) -> Iterator[HoldoutAnswer]:
    """One row for each call that a model answered, with the right answer where it is known.

    Raises:
        ValueError: The trace has not one right answer for each call.
    """
    if len(calls) != len(trace.right_answers):
        raise ValueError(
            f"{trace.attempt.attempt_id}: {len(calls)} calls, {len(trace.right_answers)} right "
            "answers: expected as many"
        )
    for call, right in zip(calls, trace.right_answers, strict=True):
        if call.call_kind in place.arm.answered and call.finish != "error":
            yield _answer(place, trace.attempt.attempt_id, call, right)


def _answer(place: Place, attempt_id: str, call: CallRecord, right: str) -> HoldoutAnswer:
    binary = is_binary(call.call_kind)
    return HoldoutAnswer(
        adapter_kind=place.name,
        round=place.round,
        arm=place.arm.arm,
        model=place.arm.model,
        task_id=place.task.task_id,
        repo=place.task.repo,
        reason=place.reason,
        attempt_id=attempt_id,
        call_number=call.number,
        call_kind=call.call_kind,
        prompt_sha256=prompt_hash(call.system, call.prompt),
        response=call.response,
        right=right,
        expected=read_verdict(right) if binary and right else None,
        answered=read_verdict(call.response) if binary else None,
        score=None if binary else score(call.call_kind, call.response, right),
    )
