"""Trainers by name, and what is said where one cannot work."""

from __future__ import annotations

import pytest

from cra_pipeline.errors import TrainingError
from cra_pipeline.integrations.training.peft import require_machine
from cra_pipeline.integrations.training.table import device, trainer_named
from cra_pipeline.integrations.training.unsloth import require_first
from cra_pipeline_tests.adapters.worlds import phase, recipe

pytestmark = pytest.mark.skipif(device() == "gpu", reason="says what a machine without GPU says")


def test_without_a_gpu_plain_peft_is_chosen() -> None:
    assert trainer_named().name == "peft"
    assert trainer_named("peft").name == "peft"


def test_unsloth_says_what_it_lacks() -> None:
    with pytest.raises(TrainingError, match=r"uv pip install unsloth|no GPU|torch sees none"):
        trainer_named("unsloth")


def test_an_unknown_trainer_is_refused() -> None:
    with pytest.raises(TrainingError, match="expected one of peft, unsloth"):
        trainer_named("axolotl")


def test_a_quantised_recipe_is_refused_without_a_gpu() -> None:
    with pytest.raises(TrainingError, match="this machine has no GPU"):
        require_machine(recipe(phase("sft"), quantisation="nf4"))


def test_unsloth_must_come_before_trl() -> None:
    with pytest.raises(TrainingError, match="trl was imported before unsloth"):
        require_first({"trl": None})
    require_first({"trl": None, "unsloth": None})
