"""What the assets of curation are made of, and that they run through Dagster."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.definitions.build import build_defs
from cra_pipeline.definitions.datasets import DatasetConfig
from cra_pipeline.definitions.partitions import rounds_from_on
from cra_pipeline.definitions.resources import Workspace
from cra_pipeline_tests.datasets.worlds import small_world

UPSTREAM = {
    "round_increment": {"attempts", "commits", "preference_pairs", "triples"},
    "round_pool": {"cold_start", "round_increment"},
    "holdout": {"commits", "tasks"},
    "plan_documents": {"repo_snapshots"},
    "sft_dataset": {"holdout", "round_pool", "training_plan"},
    "dpo_dataset": {"holdout", "round_pool", "training_plan"},
}


@pytest.mark.parametrize("asset", UPSTREAM)
def test_an_asset_of_curation_is_made_of_its_upstream(asset: str) -> None:
    node = build_defs().resolve_asset_graph().get(dg.AssetKey(asset))

    assert {key.to_user_string() for key in node.parent_keys} == UPSTREAM[asset]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [("r01", {"r01"}), ("r02", {"r01", "r02"}), ("r03", {"r01", "r02", "r03"})],
)
def test_a_pool_holds_all_rounds_up_to_its_own(pool: str, expected: set[str]) -> None:
    rounds = dg.StaticPartitionsDefinition(["r01", "r02", "r03"])
    mapping = rounds_from_on(["r01", "r02", "r03"])
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        rounds.subset_with_partition_keys([pool]), rounds, rounds
    )

    assert set(found.partitions_subset.get_partition_keys()) == expected


def test_the_defaults_are_the_policys() -> None:
    assert DatasetConfig().policy() == CurationPolicy()


@pytest.mark.slow
def test_a_dataset_is_made_through_dagster(tmp_path: Path) -> None:
    world = small_world(tmp_path / "home")
    defs = build_defs(workspace=Workspace(home=str(world.layout.root)))
    done = [
        defs.resolve_job_def(job).execute_in_process(partition_key=key)
        for job, key in (("round_job", "r01"), ("sft_job", "scope|r01"))
    ]

    assert all(result.success for result in done)
    (made,) = done[1].asset_materializations_for_node("sft_dataset")
    assert made.metadata["dagster/row_count"].value == 72
    assert "earlier rounds" in str(made.metadata["preview"].value)
    evaluations = done[1].get_asset_check_evaluations()
    assert [item.passed for item in evaluations] == [True]
