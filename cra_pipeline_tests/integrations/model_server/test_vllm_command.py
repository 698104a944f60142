"""What vLLM is told, on a processor and on a card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline.integrations.model_server.vllm_command import command, environment
from cra_pipeline.integrations.model_server.vllm_policy import VllmPolicy, card_policy

BASE = ServedBase(name="tiny-1k-base-v1", folder=Path("/models/tiny"), window=1024)
PLACE = Path("/servers/vllm")


def told(policy: VllmPolicy) -> list[str]:
    return command(BASE, policy, PLACE, 8001)


def test_it_is_the_own_environments_interpreter_on_loopback_under_the_bases_name() -> None:
    found = told(VllmPolicy())

    assert found[:3] == [
        "/servers/vllm/env/bin/python", "-m", "vllm.entrypoints.openai.api_server",
    ]  # fmt: skip
    assert {
        "--host=127.0.0.1", "--port=8001", "--served-model-name=tiny-1k-base-v1",
        "--max-model-len=1024", "--generation-config=vllm", "--enable-lora", "--enforce-eager",
        "--middleware=named_models.NamedModels", "--dtype=float32",
    } <= set(found)  # fmt: skip
    assert not [part for part in found if "key" in part]


@pytest.mark.parametrize("adapters", [1, 4, 33])
def test_on_a_processor_one_slot_is_more_than_adapters(adapters: int) -> None:
    found = told(VllmPolicy(adapters=adapters))

    assert f"--max-loras={adapters + 1}" in found
    assert f"--max-cpu-loras={adapters + 1}" in found


def test_on_a_card_slots_are_few_and_all_adapters_stay_in_memory() -> None:
    found = told(replace(card_policy(), slots=8, adapters=20, rank=16))

    assert "--max-loras=8" in found
    assert "--max-cpu-loras=21" in found
    assert "--max-lora-rank=16" in found
    assert "--gpu-memory-utilization=0.9" in found
    assert "--enforce-eager" not in found
    assert "--specialize-active-lora" in found
    assert "--specialize-active-lora" not in told(VllmPolicy())
    assert not [part for part in found if part.startswith("--kv-cache")]


def test_what_changes_an_answer_is_in_the_form_that_is_told() -> None:
    policy = replace(card_policy(), batch_invariant=True, quantisation="fp8")

    assert VllmPolicy().served_as == "float32"
    assert policy.served_as == "bfloat16, fp8, batch-invariant"
    assert "--quantization=fp8" in told(policy)
    assert environment(policy, PLACE)["VLLM_BATCH_INVARIANT"] == "1"
    assert environment(VllmPolicy(), PLACE)["VLLM_BATCH_INVARIANT"] == "0"


def test_it_asks_no_hub_tells_nobody_and_keeps_its_caches_by_itself() -> None:
    found = environment(replace(card_policy(), tuned=Path("/tuned")), PLACE)

    assert found["HF_HUB_OFFLINE"] == found["VLLM_NO_USAGE_STATS"] == found["DO_NOT_TRACK"] == "1"
    assert found["VLLM_CACHE_ROOT"].startswith(str(PLACE))
    assert found["VLLM_HTTP_TIMEOUT_KEEP_ALIVE"] == "75"
    assert found["VLLM_TUNED_CONFIG_FOLDER"] == "/tuned"
    assert (Path(found["PYTHONPATH"]) / "named_models.py").is_file()
    assert "VLLM_TUNED_CONFIG_FOLDER" not in environment(VllmPolicy(), PLACE)
