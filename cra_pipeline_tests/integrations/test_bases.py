"""Frozen bases: imported once, and never anything else than what was imported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError, StoreError
from cra_pipeline.integrations.bases import (
    import_base,
    list_bases,
    model_folder,
    read_base,
    standing,
    verify_base,
)
from cra_pipeline_tests.adapters.worlds import bare_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return bare_model(tmp_path / "upstream")


def test_an_imported_base_is_described_and_verified(layout: Layout, model: Path) -> None:
    record = import_base(layout, model, role="reasoning", name="Qwen/Qwen3-4B")

    assert record.base_id == "reasoning-4k-base-v1"
    assert record.architecture == "Qwen3ForCausalLM"
    assert (record.parameters, record.window) == (8, 4096)
    assert record.end_of_turn == "<|im_end|>"
    assert record.chat.startswith("model@")
    assert [item.name for item in record.files] == sorted(path.name for path in model.iterdir())
    assert verify_base(layout, record.base_id) == record


def test_the_same_files_are_one_base(layout: Layout, model: Path) -> None:
    first = import_base(layout, model, role="reasoning", name="a")

    assert import_base(layout, model, role="reasoning", name="a") == first
    assert import_base(layout, model, role="coding", name="a").base_id == "coding-4k-base-v1"
    assert len(list_bases(layout)) == 2


def test_numbers_only_grow_and_a_replaced_base_stands_no_longer(
    layout: Layout, model: Path, tmp_path: Path
) -> None:
    first = import_base(layout, model, role="reasoning", name="a")
    tuned = bare_model(tmp_path / "tuned", fill=0.25)
    second = import_base(
        layout, tuned, role="reasoning", name="a", gate_1="9" * 64, replaces=first.base_id
    )

    assert second.base_id == "reasoning-4k-base-v2"
    assert standing(list_bases(layout)) == (second,)


def test_a_base_cannot_replace_what_nobody_knows(layout: Layout, model: Path) -> None:
    with pytest.raises(StoreError, match="no such base; imported are: none"):
        import_base(layout, model, role="reasoning", name="a", replaces="reasoning-4k-base-v9")


def test_changed_weights_are_recognised_as_those_of_a_merged_model(
    layout: Layout, model: Path
) -> None:
    record = import_base(layout, model, role="reasoning", name="a")
    path = model_folder(layout, record.base_id) / "model.safetensors"
    weights = load_file(path)
    save_file({name: tensor + np.float32(0.01) for name, tensor in weights.items()}, path)

    with pytest.raises(GuardError, match=r"model.safetensors differ .* merged or further trained"):
        verify_base(layout, record.base_id)


@pytest.mark.parametrize("name", ["config.json", "chat_template.jinja", "extra.json"])
def test_any_changed_or_added_file_is_refused(layout: Layout, model: Path, name: str) -> None:
    record = import_base(layout, model, role="reasoning", name="a")
    with (model_folder(layout, record.base_id) / name).open("a") as file:
        file.write(" ")

    with pytest.raises(GuardError, match=f"not the frozen base: {name} differ"):
        verify_base(layout, record.base_id)


def test_a_removed_file_is_refused(layout: Layout, model: Path) -> None:
    record = import_base(layout, model, role="reasoning", name="a")
    (model_folder(layout, record.base_id) / "chat_template.jinja").unlink()

    with pytest.raises(GuardError, match=r"chat_template.jinja differ"):
        verify_base(layout, record.base_id)


def test_an_adapter_beside_the_weights_is_refused(layout: Layout, model: Path) -> None:
    (model / "adapter_config.json").write_text("{}")

    with pytest.raises(GuardError, match="an adapter lies in the base's folder"):
        import_base(layout, model, role="reasoning", name="a")


@pytest.mark.parametrize("tensor", ["q_proj.lora_A.weight", "q_proj.base_layer.weight"])
def test_leftovers_of_an_adapter_within_the_weights_are_refused(
    layout: Layout, model: Path, tensor: str
) -> None:
    save_file({tensor: np.zeros((2, 2), dtype=np.float32)}, model / "model.safetensors")

    with pytest.raises(GuardError, match="is an adapter's"):
        import_base(layout, model, role="reasoning", name="a")


def test_pickled_weights_are_refused(layout: Layout, model: Path) -> None:
    (model / "pytorch_model.bin").write_bytes(b"x")

    with pytest.raises(GuardError, match="only safetensors"):
        import_base(layout, model, role="reasoning", name="a")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "expected a model's folder"),
        ("config.json", b"{", "no JSON"),
        ("model.safetensors", None, "no safetensors weights"),
        ("model.safetensors", b"\xff" * 20, "no safetensors file"),
        ("tokenizer.json", None, "cannot be read"),
    ],
)
def test_an_unreadable_base_is_told_and_nothing_is_left_of_it(
    layout: Layout, model: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is None:
        (model / name).unlink()
    else:
        (model / name).write_bytes(content)

    with pytest.raises(StoreError, match=message):
        import_base(layout, model, role="reasoning", name="a")
    assert list_bases(layout) == ()


def test_a_killed_import_leaves_no_base_and_its_place_is_taken(layout: Layout, model: Path) -> None:
    half = layout.bases / "reasoning-4k-base-v1" / "model"
    half.mkdir(parents=True)
    (half / "config.json").write_text("{}")

    assert list_bases(layout) == ()
    record = import_base(layout, model, role="reasoning", name="a")
    assert verify_base(layout, record.base_id) == record


def test_an_unknown_base_is_told_with_those_that_there_are(layout: Layout, model: Path) -> None:
    import_base(layout, model, role="tiny", name="tiny")

    with pytest.raises(StoreError, match="imported are: tiny-4k-base-v1"):
        read_base(layout, "reasoning-4k-base-v1")


def test_the_record_is_of_the_files_as_they_lie(layout: Layout, model: Path) -> None:
    record = import_base(layout, model, role="tiny", name="tiny")
    config = json.loads((model_folder(layout, record.base_id) / "config.json").read_text())

    assert config == json.loads((model / "config.json").read_text())
