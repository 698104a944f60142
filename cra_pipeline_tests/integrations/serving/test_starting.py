"""A layout in the words of the table of model servers."""

from __future__ import annotations

from dataclasses import replace

from cra_pipeline.integrations.serving.starting import LOADS, ServerChoice, settings_of
from cra_pipeline.serving.layout import GIB, lay_out
from cra_pipeline_tests.serving.test_layout import adapter, base

(INSTANCE,) = lay_out([adapter(1)], [base()], memory_bytes=40 * GIB).instances


def test_a_card_gets_the_layouts_own_numbers() -> None:
    found = settings_of(ServerChoice(name="vllm", precision="bfloat16", device="cuda:0"), INSTANCE)

    assert (found.device, found.precision) == ("gpu", "bfloat16")
    assert (found.slots, found.rank, found.adapters) == (2, 32, 4)
    assert found.kv_bytes == INSTANCE.kv_bytes


def test_a_processor_gets_a_window_of_cache_and_room_for_many_loads() -> None:
    found = settings_of(ServerChoice(name="vllm"), INSTANCE)

    assert (found.device, found.adapters) == ("processor", LOADS)
    assert found.kv_bytes == 32768 * 144 * 1024
    tiny = INSTANCE.model_copy(update={"window": 512})
    assert settings_of(ServerChoice(), tiny).kv_bytes == 128 * 2**20
    assert settings_of(replace(ServerChoice(), threads=3), tiny).threads == 3
