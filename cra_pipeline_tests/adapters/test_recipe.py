"""Every number of a recipe is known before a training begins, and none is chosen in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cra_pipeline.adapters.recipe import HOUSE, SMALL, TINY, policy_of, resolve
from cra_pipeline.contracts.adapters import PROJECTIONS
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline_tests.adapters.worlds import base_record

QWEN = base_record()
TINY_BASE = base_record(base_id="tiny-16k-base-v1", role="tiny", parameters=400_000, window=16384)
SMALL_BASE = base_record(
    base_id="reasoning-8k-base-v1",
    name="HuggingFaceTB/SmolLM2-135M-Instruct",
    parameters=134_500_000,
    window=8192,
)


@pytest.mark.parametrize("kind", ADAPTER_KINDS)
def test_the_defaults_are_qloras(kind: str) -> None:
    found = resolve(ADAPTER_KINDS[kind], "r01", QWEN, [], device="gpu").recipe

    assert (found.rank, found.alpha) == (ADAPTER_KINDS[kind].rank, 2 * ADAPTER_KINDS[kind].rank)
    assert found.targets == PROJECTIONS
    assert (found.quantisation, found.precision, found.dropout) == ("nf4", "bfloat16", 0.0)
    assert found.window == ADAPTER_KINDS[kind].window
    assert found.end_of_turn == "<|im_end|>"
    for phase in found.phases:
        assert phase.optimizer == "adamw_8bit"
        assert phase.schedule == "cosine"
        assert 1 <= phase.epochs <= 3
        assert phase.patience > 0
        assert phase.validation_share > 0


@pytest.mark.parametrize(
    ("kind", "technique", "forms"),
    [
        ("scope", "sft", ["sft"]),
        ("execute_code", "sft_dpo", ["sft", "dpo"]),
        ("precision", "sft_curriculum", ["sft"]),
        ("task_analysis", "sft", ["sft"]),
        ("planning_dpo", "dpo", ["dpo"]),
    ],
)
def test_a_kind_is_trained_by_its_technique(kind: str, technique: str, forms: list[str]) -> None:
    found = resolve(ADAPTER_KINDS[kind], "r01", QWEN, [], device="gpu").recipe

    assert found.technique == technique
    assert [phase.form for phase in found.phases] == forms


def test_a_curriculum_is_gone_through_once() -> None:
    found = resolve(ADAPTER_KINDS["precision"], "r01", QWEN, [], device="gpu").recipe

    assert [phase.epochs for phase in found.phases] == [1.0]


def test_a_processor_quantises_nothing_and_says_so() -> None:
    found = resolve(ADAPTER_KINDS["scope"], "r01", QWEN, [], device="processor")

    assert found.recipe.quantisation == "none"
    assert found.recipe.phases[0].optimizer == "adamw_torch"
    assert any("none in place of nf4" in note for note in found.notes)


@pytest.mark.parametrize(
    ("base", "policy"), [(QWEN, HOUSE), (TINY_BASE, TINY), (SMALL_BASE, SMALL)]
)
def test_a_base_has_numbers_of_its_own(base: BaseRecord, policy: object) -> None:
    assert policy_of(base) is policy


def test_a_window_is_never_wider_than_the_bases() -> None:
    found = resolve(ADAPTER_KINDS["scope"], "r01", SMALL_BASE, [], device="gpu")

    assert found.recipe.window == 8192
    assert any(note.startswith("window: 8192 in place of 32768") for note in found.notes)


def test_datasets_are_named_in_order() -> None:
    inputs = [Input(name="sft", content_id="2"), Input(name="dpo", content_id="1")]

    found = resolve(ADAPTER_KINDS["execute_code"], "r01", QWEN, inputs, device="gpu").recipe
    assert [item.name for item in found.datasets] == ["dpo", "sft"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 10, "micro_batch": 4}, "batch 10 is no multiple of micro-batch 4"),
        ({"learning_rate": 0.0}, "learning rate 0.0"),
        ({"validation_share": 1.0}, "validation share 1.0"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(changes: dict[str, float], message: str) -> None:
    policy = replace(HOUSE, sft=replace(HOUSE.sft, **changes))  # type: ignore[arg-type]  # by name

    with pytest.raises(ValueError, match=message):
        resolve(ADAPTER_KINDS["scope"], "r01", QWEN, [], device="gpu", policy=policy)


def test_preferences_without_beta_are_refused() -> None:
    policy = replace(HOUSE, dpo=replace(HOUSE.dpo, beta=0.0))

    with pytest.raises(ValueError, match="beta"):
        resolve(ADAPTER_KINDS["planning_dpo"], "r01", QWEN, [], device="gpu", policy=policy)
