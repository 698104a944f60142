"""How well a base plans: valid plans by type, and failures that its plans are to blame for. Pure.

Answers of every attempt count, however it ended: a plan that the agent refuses ends the attempt,
and would otherwise be forgotten with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from cra_pipeline.contracts.gates import ArmFigure, Estimate, HoldoutAnswer, HoldoutAttempt
from cra_pipeline.gates.intervals import wilson
from cra_pipeline.gates.plan_answers import PLAN_TYPES, PLANS, is_valid_plan
from cra_pipeline.gold.answers import files_in
from cra_pipeline.verdicts.attribution import AttributionPolicy

VALID_PLANS, PLANNING_FAILURES = "valid_plans", "planning_failures"
_CODE_PLANS = frozenset({"meta_plan", "part_plan"})


def valid_plans(answers: Iterable[HoldoutAnswer]) -> dict[str, Estimate | None]:
    """Share of held-out commits whose plans are all valid, by type of plan, with Wilson's interval.

    Returns:
        Every type; None where the candidate was asked for none.
    """
    sound: dict[str, dict[str, bool]] = defaultdict(dict)
    for row in _plans(answers):
        tasks = sound[PLANS[row.call_kind][0]]
        valid = is_valid_plan(row.call_kind, row.response)
        tasks[row.task_id] = tasks.get(row.task_id, True) and valid
    return {kind: _share(list(sound[kind].values())) for kind in PLAN_TYPES}


def planning_failures(
    attempts: Iterable[HoldoutAttempt],
    answers: Iterable[HoldoutAnswer],
    policy: AttributionPolicy | None = None,
) -> Estimate | None:
    """Share of the candidate's lost attempts that its plans are to blame for.

    An attempt is lost that failed, or that the agent gave up over an invalid plan. Its plans are to
    blame where one is invalid, or where together they name too few of the files that the commit
    changes: the rule by which pairs are attributed.

    Returns:
        With Wilson's interval; None where nothing was lost.
    """
    least = (policy or AttributionPolicy()).file_recall
    plans: dict[str, list[HoldoutAnswer]] = defaultdict(list)
    for row in _plans(answers):
        plans[row.attempt_id].append(row)
    blamed = []
    for attempt in attempts:
        if attempt.arm != "candidate" or attempt.outcome == "passed":
            continue
        own = plans[attempt.attempt_id]
        invalid = any(not is_valid_plan(row.call_kind, row.response) for row in own)
        if invalid or attempt.outcome == "failed":
            blamed.append(invalid or _recall(own) < least)
    return _share(blamed)


def planning_figures(
    attempts: Sequence[HoldoutAttempt], answers: Sequence[HoldoutAnswer]
) -> tuple[ArmFigure, ...]:
    """Both measures of the candidate, as figures of a report."""
    shares = {f"{VALID_PLANS}:{kind}": found for kind, found in valid_plans(answers).items()}
    blamed = planning_failures(attempts, answers)
    return tuple(
        ArmFigure(arm="candidate", metric=metric, estimate=estimate)
        for metric, estimate in (*shares.items(), (PLANNING_FAILURES, blamed))
    )


def _plans(answers: Iterable[HoldoutAnswer]) -> Iterable[HoldoutAnswer]:
    return (row for row in answers if row.arm == "candidate" and row.call_kind in PLANS)


def _recall(plans: Iterable[HoldoutAnswer]) -> float:
    """Share of the files of the right plans that the plans given name; 1 where none is known."""
    code = [row for row in plans if row.call_kind in _CODE_PLANS]
    wanted = {path for row in code for path in files_in(row.call_kind, row.right)}
    named = {path for row in code for path in files_in(row.call_kind, row.response)}
    return len(wanted & named) / len(wanted) if wanted else 1.0


def _share(holds: Sequence[bool]) -> Estimate | None:
    return wilson(sum(holds), len(holds)) if holds else None
