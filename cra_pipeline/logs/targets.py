"""Which improvement a training aims at, and where the logs let its metric be measured today."""

from __future__ import annotations

from collections.abc import Iterable

from cra_pipeline.contracts.logs import AnswerGroup, VerdictGroup
from cra_pipeline.contracts.plans import Rate, Target
from cra_pipeline.kinds import CALL_KINDS, AdapterKind
from cra_pipeline.logs.agreement import says_yes
from cra_pipeline.logs.analysis import COMMIT
from cra_pipeline.logs.intervals import examples_to_see, rate
from cra_pipeline.logs.policy import PlanPolicy

_RECALL_ON = {"relevant_recall": ("scope",), "primary_recall": ("precision_pass2",)}
"""Metrics that are the share of right yeses that were answered yes, with their call kinds."""
_SUCCESS_OF = {
    "pass_at_1": ("implement", "test_implement"),
    "plan_success": ("meta_plan", "part_plan", "test_plan"),
}
"""Metrics that are the share of judged attempts that passed."""


def target(
    kind: AdapterKind,
    answers: Iterable[AnswerGroup],
    verdicts: Iterable[VerdictGroup],
    policy: PlanPolicy,
) -> Target:
    """What to reach, and on how many held-out examples it would show."""
    now = measured(kind.metric, answers, verdicts, confidence=policy.confidence)
    share = now.hits / now.of if now.of else 0.0
    aim = kind.threshold
    if now.of:
        aim = min(1.0, max(kind.threshold, share + policy.least_gain))
    gain = max(0.0, aim - share) if now.of else 0.0
    return Target(
        metric=kind.metric,
        now=now,
        threshold=kind.threshold,
        aim=round(aim, 4),
        gain=round(gain, 4),
        examples=examples_to_see(share, gain, confidence=policy.confidence) if gain else 0,
    )


def measured(
    metric: str,
    answers: Iterable[AnswerGroup],
    verdicts: Iterable[VerdictGroup],
    *,
    confidence: float,
) -> Rate:
    """A metric as models' calls in the logs show it; nothing measured where they cannot."""
    if metric in _RECALL_ON:
        wanted = [
            group
            for group in answers
            if group.call_kind in _RECALL_ON[metric]
            and group.responder != COMMIT
            and says_yes(group.right_answer)
        ]
        hits = sum(group.calls for group in wanted if says_yes(group.output))
        return rate(hits, sum(group.calls for group in wanted), confidence=confidence)
    counted = _attempts(_SUCCESS_OF.get(metric, ()), verdicts)
    return rate(
        sum(group.passed for group in counted),
        sum(group.attempts for group in counted),
        confidence=confidence,
    )


def _attempts(names: tuple[str, ...], verdicts: Iterable[VerdictGroup]) -> list[VerdictGroup]:
    """Verdicts of the first of the kinds that was called: an attempt must not count twice."""
    found = [group for group in verdicts if group.responder != COMMIT]
    for name in names:
        if chosen := [group for group in found if group.call_kind == name]:
            return chosen
    return []


def measurable(kind: AdapterKind) -> bool:
    """Whether the logs can show its metric at all."""
    return kind.metric in _RECALL_ON or kind.metric in _SUCCESS_OF


def call_kinds_of(kind: AdapterKind) -> tuple[str, ...]:
    """Names of the call kinds that train it, sorted."""
    return tuple(sorted(row.name for row in CALL_KINDS.values() if row.stage in kind.stages))
