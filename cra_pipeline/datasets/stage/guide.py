"""What a round's training plan asks for, as far as curation heeds it; all kinds without a plan."""

from __future__ import annotations

import json

from cra_pipeline.contracts.manifests import AssetManifest, Input
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.files import read_record
from cra_pipeline.kinds import ADAPTER_KINDS

ASSET = "training_plan"


def planned_kinds(layout: Layout, round_name: str) -> tuple[str, ...]:
    """Adapter kinds that the round's plan names, in its order; all where there is no plan.

    Raises:
        StoreError: The plan cannot be read.
    """
    path = layout.partition(ASSET, round_name) / "plan.json"
    if not path.exists():
        return tuple(ADAPTER_KINDS)
    try:
        targets = json.loads(path.read_bytes())["targets"]
        named = [item["adapter_kind"] for item in targets]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: no training plan with targets ({error!r}): cra-pipeline train-plan "
            f"--round {round_name}"
        ) from error
    return tuple(dict.fromkeys(name for name in named if name in ADAPTER_KINDS))


def plan_input(layout: Layout, round_name: str) -> tuple[Input, ...]:
    """The plan's content id, where there is one."""
    path = layout.manifest(ASSET, round_name)
    if not path.exists():
        return ()
    manifest = read_record(path, AssetManifest)
    return (Input(name=f"{ASSET}/{round_name}", content_id=manifest.content_id),)
