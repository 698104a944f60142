"""What the gates' assets are made of, and that they run through Dagster."""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg
import pytest

from cra_pipeline.definitions import gates
from cra_pipeline.definitions.holdout_attempts import holdout_attempts
from cra_pipeline.definitions.partitions import KIND_BY_ROUND
from cra_pipeline.definitions.resources import Workspace
from cra_pipeline_tests.gates.worlds import KEY, ROUND, gated_world

UPSTREAM = {
    "gate_report": {"holdout_attempts"},
    "round_gate": {"gate_report", "holdout_attempts"},
}
ASSETS = [gates.gate_report, gates.round_gate]
CHECKS = [gates.gate_report_follows_from_its_tables, gates.round_gate_follows_from_its_reports]


def graph() -> dg.Definitions:
    return dg.Definitions(assets=ASSETS, asset_checks=CHECKS, resources={"workspace": Workspace()})


@pytest.mark.parametrize("asset", UPSTREAM)
def test_an_asset_of_the_gates_is_made_of_its_upstream(asset: str) -> None:
    node = graph().resolve_asset_graph().get(dg.AssetKey(asset))

    assert {key.to_user_string() for key in node.parent_keys} == UPSTREAM[asset]


def test_a_kind_is_judged_by_its_own_attempts() -> None:
    mapping = gates.own_attempts()
    upstream = holdout_attempts.partitions_def
    assert upstream is not None
    kinds = KIND_BY_ROUND
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        kinds.subset_with_partition_keys([KEY]), kinds, upstream
    )

    assert {*found.partitions_subset.get_partition_keys()} == {KEY}


@pytest.mark.slow
def test_a_candidate_and_its_round_are_judged_through_dagster(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    resources = {"workspace": Workspace(home=str(world.layout.root))}
    with dg.DagsterInstance.ephemeral() as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        done = [
            dg.materialize(
                [asset, check], partition_key=key, instance=instance, resources=resources
            )
            for asset, check, key in zip(ASSETS, CHECKS, (KEY, ROUND), strict=True)
        ]

    assert all(result.success for result in done)
    (made,) = done[0].asset_materializations_for_node("gate_report")
    assert "gain_against_base" in str(made.metadata["preview"].value)
    assert "data:image/png" in str(made.metadata["plot"].value)
    for result in done:
        assert [item.passed for item in result.get_asset_check_evaluations()] == [True]
