"""Of what attempts on the holdout are made, and what a run may change."""

from __future__ import annotations

import dagster as dg

from cra_pipeline.definitions.build import build_defs
from cra_pipeline.definitions.holdout_attempts import HoldoutConfig
from cra_pipeline.harness.arms import TOGETHER
from cra_pipeline.harness.holdout import HoldoutPolicy
from cra_pipeline.kinds import ADAPTER_KINDS


def upstream(asset: str, key: str) -> set[str]:
    """Partitions of an asset that one partition of the attempts is made of."""
    graph = build_defs().resolve_asset_graph()
    child, parent = (graph.get(dg.AssetKey(name)) for name in ("holdout_attempts", asset))
    mapping = graph.get_partition_mapping(dg.AssetKey("holdout_attempts"), dg.AssetKey(asset))
    assert child.partitions_def is not None
    assert parent.partitions_def is not None
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        child.partitions_def.subset_with_partition_keys([key]),
        child.partitions_def,
        parent.partitions_def,
    )
    return set(found.partitions_subset.get_partition_keys())


def test_a_kind_is_made_with_its_own_adapter_and_all_together_with_every_one() -> None:
    assert upstream("adapter", "scope|r01") == {"scope|r01"}
    assert upstream("adapter", f"{TOGETHER}|r01") == {f"{kind}|r01" for kind in ADAPTER_KINDS}
    assert upstream("holdout", "scope|r01") == {"r01"}


def test_without_a_wish_the_config_is_the_policy() -> None:
    assert HoldoutConfig().policy() == HoldoutPolicy()
    assert HoldoutConfig(seeds=3, temperature=0.7).policy().seeds == (0, 1, 2)
