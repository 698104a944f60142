"""What bases weigh, and how much memory there is."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError, StoreError
from cra_pipeline.integrations.serving.figures import figures_of, memory_bytes, standing_bases
from cra_pipeline.integrations.serving.memory import listener_of, resident_bytes
from cra_pipeline_tests.serving.worlds import stand_in_base


def test_a_base_weighs_what_its_configuration_says(layout: Layout) -> None:
    record = stand_in_base(layout, "tiny-4k-base-v1", "tiny")
    wide, narrow = figures_of(layout, record, "float32"), figures_of(layout, record, "bfloat16")

    # Two layers, two key and value heads of 32 numbers.
    assert (wide.kv_bytes_per_token, narrow.kv_bytes_per_token) == (1024, 512)
    assert (wide.weight_bytes, narrow.weight_bytes) == (400_000, 200_000)
    assert standing_bases(layout, "float32") == (wide,)


def test_qwen3_4b_needs_144_kib_a_token(layout: Layout) -> None:
    record = stand_in_base(layout, "reasoning-4k-base-v1", "reasoning")
    path = layout.bases / record.base_id / "model" / "config.json"
    path.write_text(
        '{"num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, '
        '"head_dim": 128, "hidden_size": 2560}'
    )
    assert figures_of(layout, record, "bfloat16").kv_bytes_per_token == 144 * 1024

    path.write_text('{"num_hidden_layers": 36}')
    with pytest.raises(StoreError, match="does not tell the size of a token's cache"):
        figures_of(layout, record, "bfloat16")


def test_a_card_that_does_not_tell_its_memory_has_it_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match="say it with --memory"):
        memory_bytes("cuda:0")
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 81559\n")
    program.chmod(0o755)
    assert memory_bytes("cuda:0") == 81559 * 2**20
    assert memory_bytes("cpu") == psutil.virtual_memory().total // 2


def test_memory_is_told_of_what_lives_here() -> None:
    assert (resident_bytes([psutil.Process().pid]) or 0) > 2**20
    assert resident_bytes([]) is None
    assert listener_of("http://models.example:80") == ()
