"""Snapshots and plans as Dagster makes them: one run over all repositories of a round."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from cra_pipeline.definitions.build import build_defs
from cra_pipeline.definitions.logs import RawSnapshotConfig, TrainingPlanConfig
from cra_pipeline.definitions.partitions import ROUND
from cra_pipeline.definitions.resources import Workspace
from cra_pipeline.logs.policy import PlanPolicy
from cra_pipeline_tests.logs.workspaces import example_workspace


def made(home: Path) -> dg.ExecuteInProcessResult:
    defs = build_defs(workspace=Workspace(home=str(home)))
    return defs.resolve_job_def("log_job").execute_in_process(
        partition_key="r01", raise_on_error=False
    )


@pytest.mark.slow
def test_a_round_is_copied_planned_and_checked(tmp_path: Path) -> None:
    result = made(example_workspace(tmp_path).root)

    assert result.success
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks == {"raw_snapshot_is_whole": True, "training_plan_follows_evidence": True}
    (plan,) = result.asset_materializations_for_node("training_plan")
    assert {"counts", "preview", "plot", "policy"} <= set(plan.metadata)


@pytest.mark.slow
def test_a_refusal_is_the_pipelines_own_text(tmp_path: Path) -> None:
    layout = example_workspace(tmp_path)
    layout.check("attempts", "till|r01").unlink()

    result = made(layout.root)

    assert not result.success
    failure = next(event.step_failure_data for event in result.all_events if event.is_step_failure)
    assert failure.user_failure_data is not None
    assert "attempts of till|r01 is not ready" in str(failure.user_failure_data.description)


def test_defaults_are_those_of_the_policy() -> None:
    assert TrainingPlanConfig().policy() == PlanPolicy()
    assert TrainingPlanConfig(most_errors=0.5).policy().most_errors == 0.5
    assert RawSnapshotConfig().databases == []


@pytest.mark.parametrize("asset", ["raw_snapshot", "training_plan"])
def test_a_round_fans_in_from_every_repository(asset: str) -> None:
    graph = build_defs().resolve_asset_graph()
    node = graph.get(dg.AssetKey(asset))
    mapping = graph.get_partition_mapping(dg.AssetKey(asset), dg.AssetKey("attempts"))

    assert node.partitions_def == ROUND
    assert isinstance(mapping, dg.MultiToSingleDimensionPartitionMapping)
