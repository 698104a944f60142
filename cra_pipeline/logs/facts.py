"""What models made of each call kind: errors, disagreement, cost, and their trend over rounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cra_pipeline.contracts.logs import AnswerGroup, CallGroup
from cra_pipeline.contracts.plans import CallCost, CallKindFacts, Rate, RoundRates, Trend
from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.kinds import CALL_KINDS, adapter_kind_of
from cra_pipeline.logs.agreement import agrees, is_readable
from cra_pipeline.logs.analysis import COMMIT
from cra_pipeline.logs.intervals import rate


def call_kind_facts(
    calls: Iterable[CallGroup], answers: Iterable[AnswerGroup], *, confidence: float
) -> tuple[CallKindFacts, ...]:
    """Facts of every kind that was called, sorted by name.

    Args:
        calls: All calls.
        answers: Those whose right answer is known.
        confidence: Of the intervals.
    """
    made, known = list(calls), list(answers)
    names = sorted({row.call_kind for row in made} | {row.call_kind for row in known})
    return tuple(
        _facts(
            name,
            [group for group in made if group.call_kind == name],
            [group for group in known if group.call_kind == name],
            confidence,
        )
        for name in names
    )


def call_costs(calls: Iterable[CallGroup]) -> tuple[CallCost, ...]:
    """Time of models' calls by kind, sorted by name."""
    found: dict[str, list[CallGroup]] = {}
    for group in calls:
        if group.responder != COMMIT:
            found.setdefault(group.call_kind, []).append(group)
    return tuple(
        CallCost(
            call_kind=name,
            calls=sum(group.calls for group in groups),
            latency_ms=sum(group.latency_ms for group in groups),
        )
        for name, groups in sorted(found.items())
    )


def _facts(
    name: str, calls: Sequence[CallGroup], answers: Sequence[AnswerGroup], confidence: float
) -> CallKindFacts:
    asked = [group for group in calls if group.responder != COMMIT]
    judged = [group for group in answers if group.responder != COMMIT]
    turns = {group.round for group in asked} | {group.round for group in judged}
    rates = tuple(
        RoundRates(
            round=turn,
            errors=_errors([group for group in asked if group.round == turn], confidence),
            disagreement=_disagreement(
                [group for group in judged if group.round == turn], confidence
            ),
        )
        for turn in sorted(turns, key=round_number)
    )
    return CallKindFacts(
        call_kind=name,
        adapter_kind=adapter_kind_of(name),
        commit_calls=sum(group.calls for group in calls if group.responder == COMMIT),
        model_calls=sum(group.calls for group in asked),
        errors=_errors(asked, confidence),
        disagreement=_disagreement(judged, confidence),
        prompt_tokens=sum(group.prompt_tokens for group in asked),
        completion_tokens=sum(group.completion_tokens for group in asked),
        trend=trend_of([item.disagreement for item in rates if item.disagreement.of]),
        rounds=rates,
    )


def _errors(groups: Iterable[CallGroup], confidence: float) -> Rate:
    counted = [(group.calls, _failed(group)) for group in groups]
    hits = sum(calls for calls, failed in counted if failed)
    return rate(hits, sum(calls for calls, _ in counted), confidence=confidence)


def _failed(group: CallGroup) -> bool:
    return group.finish != "stop" or not is_readable(group.call_kind, group.response)


def _disagreement(groups: Iterable[AnswerGroup], confidence: float) -> Rate:
    counted = [(group.calls, wrong) for group in groups if (wrong := is_wrong(group)) is not None]
    hits = sum(calls for calls, wrong in counted if wrong)
    return rate(hits, sum(calls for calls, _ in counted), confidence=confidence)


def is_wrong(group: AnswerGroup) -> bool | None:
    """Whether an answer stands against the right one; None where that cannot be told.

    Yes and no are right or wrong by themselves. Plans and edits have many right answers: one that
    differs is held wrong only where the hidden tests failed the attempt, and is not counted where
    nothing judged it.
    """
    same = agrees(group.call_kind, group.output, group.right_answer)
    if same or CALL_KINDS[group.call_kind].form == "binary":
        return not same
    return {Outcome.PASSED: False, Outcome.FAILED: True}.get(Outcome(group.outcome))


def trend_of(rates: Sequence[Rate]) -> Trend:
    """Whether a rate of failure has surely changed from the first to the last.

    >>> trend_of([rate(30, 100, confidence=0.95), rate(5, 100, confidence=0.95)])
    'better'
    """
    if len(rates) < 2:  # noqa: PLR2004  # a change needs two
        return "unknown"
    first, last = rates[0], rates[-1]
    if last.high < first.low:
        return "better"
    return "worse" if last.low > first.high else "within_uncertainty"
