"""A plan as rows of the agent's own table ``training_plans``."""

from __future__ import annotations

import json
from typing import NamedTuple

from cra_pipeline.contracts.plans import AdapterPlan, TrainingPlan
from cra_pipeline.kinds import ADAPTER_KINDS, CALL_KINDS


class Entry(NamedTuple):
    """Columns of ``training_plans``, without its key and the time."""

    task_id: str
    target_stage: str
    base_model: str
    source: str
    data_criteria: str
    hyperparameters: str
    improvement_targets: str
    raw_plan: str


def entries(plan: TrainingPlan) -> tuple[Entry, ...]:
    """One row for each adapter kind, trained now or not: datasets refer to it."""
    return tuple(_entry(item, plan_task(plan)) for item in plan.adapters)


def plan_task(plan: TrainingPlan) -> str:
    """``task_id`` of a plan's rows: another plan for the same round has another one."""
    return f"train-plan:{plan.round}:{plan.digest()[:12]}"


def base_role(adapter_kind: str) -> str:
    """Role of the model under an adapter, which the agent's table calls its base model.

    >>> base_role("execute_code"), base_role("scope"), base_role("planning_dpo")
    ('coding', 'classifier', 'reasoning')
    """
    stages = ADAPTER_KINDS[adapter_kind].stages
    return next(row.role for row in CALL_KINDS.values() if row.stage in stages)


def _entry(item: AdapterPlan, task: str) -> Entry:
    criteria = {
        "round": item.round,
        "decision": item.decision,
        "call_kinds": list(item.call_kinds),
        "sources": list(item.sources),
        "examples": item.examples,
        "least": item.least,
        "wanted": item.wanted,
    }
    return Entry(
        task_id=task,
        target_stage=item.adapter_kind,
        base_model=base_role(item.adapter_kind),
        # The column holds one word: the most trusted source; all of them are in the criteria.
        source=item.sources[0] if item.sources else "synthetic",
        data_criteria=json.dumps(criteria, sort_keys=True),
        hyperparameters=item.recipe.canonical_json(),
        improvement_targets=item.target.canonical_json(),
        raw_plan=item.canonical_json(),
    )
