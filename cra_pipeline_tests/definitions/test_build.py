"""The code location as Dagster loads it."""

from __future__ import annotations

import dagster as dg
import pytest

from cra_pipeline.cli.execute import JOBS
from cra_pipeline.cli.plan import ASSETS, MADE, PER_REPO, WHOLE
from cra_pipeline.definitions import defs
from cra_pipeline.definitions.build import build_defs

UPSTREAM = {
    "repo_snapshots": set[str](),
    "commits": {"repo_snapshots"},
    "repo_packages": {"commits"},
    "tasks": {"commits", "repo_packages"},
    "attempts": {"tasks"},
    "triples": {"attempts", "tasks"},
    "preference_pairs": {"attempts", "triples"},
}


def test_the_command_line_and_dagster_know_the_same_assets() -> None:
    keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}

    assert keys == set(MADE) == set(JOBS)


@pytest.mark.parametrize("asset", ASSETS)
def test_an_asset_is_made_of_its_upstream(asset: str) -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey(asset))

    assert {key.to_user_string() for key in node.parent_keys} == UPSTREAM[asset]


@pytest.mark.parametrize("asset", ASSETS)
def test_an_asset_has_the_partitions_of_its_line(asset: str) -> None:
    partitions = defs.resolve_asset_graph().get(dg.AssetKey(asset)).partitions_def

    expected = dg.DynamicPartitionsDefinition if asset in PER_REPO else dg.MultiPartitionsDefinition
    assert isinstance(partitions, expected)


def test_a_round_of_a_repository_is_made_of_that_repository_alone() -> None:
    graph = defs.resolve_asset_graph()
    child = graph.get(dg.AssetKey("attempts"))
    mapping = graph.get_partition_mapping(dg.AssetKey("attempts"), dg.AssetKey("tasks"))
    parent = graph.get(dg.AssetKey("tasks"))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("repo", ["till", "svcs"])
        assert child.partitions_def is not None
        assert parent.partitions_def is not None
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            child.partitions_def.subset_with_partition_keys(["till|r01"]),
            child.partitions_def,
            parent.partitions_def,
            dynamic_partitions_store=instance,
        )

    assert set(found.partitions_subset.get_partition_keys()) == {"till"}


def test_every_asset_has_a_blocking_check_of_its_partition() -> None:
    graph = defs.resolve_asset_graph()
    checks = {key.asset_key.to_user_string(): graph.get(key) for key in graph.asset_check_keys}

    assert set(checks) == set(MADE)
    assert all(check.blocking for check in checks.values())
    assert {name for name, check in checks.items() if check.partitions_def is None} == set(WHOLE)


def test_steps_that_fill_the_machine_share_a_pool() -> None:
    graph = defs.resolve_asset_graph()
    pooled = {asset for asset in ASSETS if graph.get(dg.AssetKey(asset)).pools}

    assert pooled == {"repo_packages", "tasks", "attempts"}


def test_an_override_that_is_no_resource_is_refused() -> None:
    with pytest.raises(ValueError, match="no such resource: clock"):
        build_defs(clock=object())
