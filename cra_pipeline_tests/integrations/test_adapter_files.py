"""Adapter folders that may be served, and each reason why one may not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from safetensors.numpy import save_file

from cra_pipeline.contracts.adapters import PROJECTIONS, AdapterManifest
from cra_pipeline.errors import GuardError
from cra_pipeline.integrations.adapter_files import (
    CONFIG,
    MANIFEST,
    WEIGHTS,
    adapter_digest,
    read_adapter,
    vet,
)
from cra_pipeline.integrations.files import write_record
from cra_pipeline_tests.adapters.worlds import adapter_tensors, phase, recipe, sample

RECIPE = recipe(phase("sft"))
FIRST = "base_model.model.model.layers.0.self_attn.q_proj"


def settings(**fields: object) -> dict[str, object]:
    """An adapter's configuration, as a run leaves it."""
    return {
        "peft_type": "LORA", "r": 8, "lora_alpha": 16, "use_dora": False, "modules_to_save": None,
        "bias": "none", "target_modules": sorted(PROJECTIONS), "trainable_token_indices": None,
        "base_model_name_or_path": RECIPE.base_id, "revision": RECIPE.base_digest,
    } | fields  # fmt: skip


def adapter(
    folder: Path,
    *,
    tensors: dict[str, np.ndarray] | None = None,
    changes: Mapping[str, object] = MappingProxyType({}),
) -> Path:
    """An adapter's folder, sound but for what is given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(settings(**changes)), encoding="utf-8")
    save_file(adapter_tensors() if tensors is None else tensors, folder / WEIGHTS)
    digest, weights = adapter_digest(folder)
    manifest = sample(AdapterManifest).model_copy(
        update={"recipe": RECIPE, "adapter_digest": digest, "weights_sha256": weights}
    )
    write_record(folder / MANIFEST, manifest)
    return folder


def test_a_sound_adapter_is_read(tmp_path: Path) -> None:
    found = read_adapter(adapter(tmp_path), base_digest=RECIPE.base_digest)

    assert found.recipe == RECIPE


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"use_dora": True}, "use_dora is True"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save is"),
        ({"peft_type": "IA3"}, "peft_type is 'IA3'"),
        ({"bias": "all"}, "bias is 'all'"),
        ({"r": 16}, "r is 16, the recipe says 8"),
        ({"lora_alpha": 8}, "lora_alpha is 8, the recipe says 16"),
        ({"target_modules": ["q_proj"]}, "target_modules is"),
        ({"target_modules": [*PROJECTIONS, "lm_head"]}, "target_modules is"),
        ({"base_model_name_or_path": "another"}, "base_model_name_or_path is 'another'"),
        ({"revision": "0"}, "revision is '0'"),
    ],
)
def test_a_configuration_that_is_not_the_recipes_is_refused(
    tmp_path: Path, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(GuardError, match=message):
        vet(adapter(tmp_path, changes=fields), RECIPE)


def spoilt(change: Callable[[dict[str, np.ndarray]], None]) -> dict[str, np.ndarray]:
    found = adapter_tensors()
    change(found)
    return found


def not_finite(found: dict[str, np.ndarray]) -> None:
    found[f"{FIRST}.lora_B.weight"][3, 1] = np.nan


def endless(found: dict[str, np.ndarray]) -> None:
    found[f"{FIRST}.lora_A.weight"][0, 0] = np.inf


def of_another_rank(found: dict[str, np.ndarray]) -> None:
    found[f"{FIRST}.lora_A.weight"] = np.zeros((4, 64), dtype=np.float32)


def without_its_other_half(found: dict[str, np.ndarray]) -> None:
    del found[f"{FIRST}.lora_B.weight"]


def without_a_target(found: dict[str, np.ndarray]) -> None:
    for name in [name for name in found if ".up_proj." in name]:
        del found[name]


def without_a_target_of_one_layer(found: dict[str, np.ndarray]) -> None:
    for name in [name for name in found if name.startswith(f"{FIRST}.")]:
        found[name.replace("layers.0", "layers.1")] = found[name]


def of_a_foreign_module(found: dict[str, np.ndarray]) -> None:
    found["base_model.model.lm_head.lora_A.weight"] = np.zeros((8, 64), dtype=np.float32)


def with_a_magnitude(found: dict[str, np.ndarray]) -> None:
    found[f"{FIRST}.lora_magnitude_vector.weight"] = np.zeros(64, dtype=np.float32)


def empty(found: dict[str, np.ndarray]) -> None:
    found.clear()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (not_finite, "not finite"),
        (endless, "not finite"),
        (of_another_rank, r"shape \(4, 64\), expected rank 8"),
        (without_its_other_half, "expected A and B"),
        (without_a_target, "up_proj: no tensors in layers 0"),
        (without_a_target_of_one_layer, "down_proj: no tensors in layers 1"),
        (of_a_foreign_module, "belongs to no target"),
        (with_a_magnitude, "belongs to no target"),
        (empty, "no tensors"),
    ],
)
def test_weights_that_are_not_the_recipes_are_refused(
    tmp_path: Path, change: Callable[[dict[str, np.ndarray]], None], message: str
) -> None:
    with pytest.raises(GuardError, match=message):
        vet(adapter(tmp_path, tensors=spoilt(change)), RECIPE)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, MANIFEST])
def test_a_half_written_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = adapter(tmp_path)
    (folder / name).unlink()

    with pytest.raises(GuardError, match="half-written"):
        read_adapter(folder, base_digest=RECIPE.base_digest)


def test_torn_weights_are_refused(tmp_path: Path) -> None:
    folder = adapter(tmp_path)
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-5])

    with pytest.raises(GuardError, match="half-written"):
        vet(folder, RECIPE)


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GuardError, match="adapters never cross bases"):
        read_adapter(adapter(tmp_path), base_digest="0" * 64)


def test_files_that_were_changed_since_are_refused(tmp_path: Path) -> None:
    folder = adapter(tmp_path)
    changed = adapter_tensors()
    changed[f"{FIRST}.lora_A.weight"][0, 0] = 0.2
    save_file(changed, folder / WEIGHTS)

    with pytest.raises(GuardError, match="changed since"):
        read_adapter(folder, base_digest=RECIPE.base_digest)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = adapter(tmp_path)
    (folder / "adapter_model.bin").write_bytes(b"x")

    with pytest.raises(GuardError, match="only safetensors"):
        vet(folder, RECIPE)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    folder = adapter(tmp_path)
    (folder / CONFIG).write_text(text)

    with pytest.raises(GuardError, match="train it again"):
        vet(folder, RECIPE)
