"""What adapters are made of, and what a run may choose."""

from __future__ import annotations

import dagster as dg
import pytest

from cra_pipeline.adapters.recipe import RecipePolicy
from cra_pipeline.adapters.stage.ready import Choices
from cra_pipeline.definitions import defs
from cra_pipeline.definitions.adapters import TrainingConfig

ADAPTER = dg.AssetKey("adapter")


def upstream(asset: str, partition: str) -> set[str]:
    """Partitions of an upstream asset that one adapter is made of."""
    graph = defs.resolve_asset_graph()
    below, above = graph.get(ADAPTER).partitions_def, graph.get(dg.AssetKey(asset)).partitions_def
    assert below is not None
    assert above is not None
    found = graph.get_partition_mapping(
        ADAPTER, dg.AssetKey(asset)
    ).get_upstream_mapped_partitions_result_for_partitions(
        below.subset_with_partition_keys([partition]), below, above
    )
    return set(found.partitions_subset.get_partition_keys())


def test_adapters_of_all_kinds_are_made_of_datasets() -> None:
    node = defs.resolve_asset_graph().get(ADAPTER)

    assert {key.to_user_string() for key in node.parent_keys} == {"sft_dataset", "dpo_dataset"}
    assert node.partitions_def is not None
    assert {key.partition("|")[0] for key in node.partitions_def.get_partition_keys()} == {
        "scope", "execute_code", "precision", "task_analysis", "planning_dpo",
    }  # fmt: skip
    assert node.pools


@pytest.mark.parametrize(
    ("kind", "sft", "dpo"),
    [
        ("scope", True, False),
        ("precision", True, False),
        ("task_analysis", True, False),
        ("execute_code", True, True),
        ("planning_dpo", False, True),
    ],
)
def test_an_adapter_is_made_of_the_datasets_that_its_kind_has(
    kind: str, *, sft: bool, dpo: bool
) -> None:
    cell = f"{kind}|r01"

    assert upstream("sft_dataset", cell) == ({cell} if sft else set())
    assert upstream("dpo_dataset", cell) == ({cell} if dpo else set())


def test_a_run_that_chooses_nothing_takes_the_policys_numbers() -> None:
    config = TrainingConfig(device="processor")

    assert config.choices() == Choices(seed=RecipePolicy().seed)


def test_what_a_run_chooses_reaches_the_stage() -> None:
    found = TrainingConfig(base="tiny-16k-base-v1", device="gpu", most_steps=7, seed=3).choices()

    assert (found.base, found.device) == ("tiny-16k-base-v1", "gpu")
    assert (found.most_steps, found.seed) == (7, 3)


def test_teachers_are_named_in_any_order() -> None:
    one, other = (
        TrainingConfig(device="processor", teachers=names).choices()
        for names in (["b", "a"], ["a", "b"])
    )

    assert one.guards == other.guards
    assert one.guards.teachers == ("a", "b")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match="expected gpu, processor, or nothing"):
        TrainingConfig(device="tpu").choices()
