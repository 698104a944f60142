"""What a round's training plan asks for, as far as curation heeds it; all kinds without a plan."""

from __future__ import annotations

from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.plans import TrainingPlan
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.quota import Quota
from cra_pipeline.datasets.stage.dataset_files import Cell
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import read_record
from cra_pipeline.kinds import ADAPTER_KINDS

ASSET = "training_plan"


def planned_kinds(layout: Layout, round_name: str) -> tuple[str, ...]:
    """Adapter kinds that the round's plan would train, in its order; all where there is no plan.

    Raises:
        StoreError: The plan is damaged.
    """
    plan = _plan(layout, round_name)
    if plan is None:
        return tuple(ADAPTER_KINDS)
    return tuple(item.adapter_kind for item in plan.adapters if item.decision == "train")


def plan_task(layout: Layout, round_name: str) -> str:
    """Under which ``task_id`` the agent's database knows what asked for a round's datasets.

    Raises:
        StoreError: The plan is damaged.
    """
    plan = _plan(layout, round_name)
    if plan is None:
        return f"curate-data:{round_name}"
    return f"train-plan:{round_name}:{plan.digest()[:12]}"


def _plan(layout: Layout, round_name: str) -> TrainingPlan | None:
    path = layout.partition(ASSET, round_name) / "plan.json"
    return read_record(path, TrainingPlan) if path.exists() else None


def quota_of(layout: Layout, cell: Cell) -> Quota:
    """What the round's plan asks of a dataset; nothing in particular where there is no plan.

    The plan counts examples of the form without which a kind cannot be trained: of the other form,
    such as pairs beside examples, all are wanted. Without candidates in sight it names no source.

    Raises:
        StoreError: The plan is damaged.
    """
    plan = _plan(layout, cell.round)
    if plan is None:
        return Quota()
    (item,) = (item for item in plan.adapters if item.adapter_kind == cell.adapter_kind)
    sources = tuple(row.source for row in item.stock if row.form == cell.form and row.rows)
    return Quota(
        wanted=item.wanted if cell.form == _needed(cell.adapter_kind) else 0, sources=sources
    )


def note_on_size(layout: Layout, cell: Cell, rows: int) -> str:
    """Whether the round's plan calls so few rows not worth a training; empty where it does not.

    Raises:
        StoreError: The plan is damaged.
    """
    plan = _plan(layout, cell.round)
    if plan is None or cell.form != _needed(cell.adapter_kind):
        return ""
    (item,) = (item for item in plan.adapters if item.adapter_kind == cell.adapter_kind)
    if rows >= item.least:
        return ""
    return (
        f"{cell.form} {cell.adapter_kind} {cell.round}: {rows} rows; the round's training plan "
        f"calls fewer than {item.least} not worth a training"
    )


def _needed(adapter_kind: str) -> str:
    """The form without which a kind cannot be trained."""
    return "dpo" if ADAPTER_KINDS[adapter_kind].technique == "dpo" else "sft"


def plan_input(layout: Layout, round_name: str) -> tuple[Input, ...]:
    """The plan's content id, where there is one.

    Raises:
        CheckError: It failed its check, or has none.
    """
    if not layout.manifest(ASSET, round_name).exists():
        return ()
    return (require_checked(layout, ASSET, round_name),)
