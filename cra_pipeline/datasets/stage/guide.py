"""What a round's training plan asks for, as far as curation heeds it; all kinds without a plan."""

from __future__ import annotations

from cra_pipeline.contracts.manifests import AssetManifest, Input
from cra_pipeline.contracts.plans import TrainingPlan
from cra_pipeline.contracts.workspace import Layout
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


def plan_input(layout: Layout, round_name: str) -> tuple[Input, ...]:
    """The plan's content id, where there is one."""
    path = layout.manifest(ASSET, round_name)
    if not path.exists():
        return ()
    manifest = read_record(path, AssetManifest)
    return (Input(name=f"{ASSET}/{round_name}", content_id=manifest.content_id),)
