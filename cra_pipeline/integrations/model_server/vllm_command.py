"""The command line and the environment of a vLLM, from its policy."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.integrations.model_server import within_vllm
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline.integrations.model_server.vllm_policy import VllmPolicy
from cra_pipeline.integrations.model_server.vllm_setup import vllm_python

_MODULE = "vllm.entrypoints.openai.api_server"
"""Not the command ``vllm``, which does not find its own package in the build for processors."""


def command(base: ServedBase, policy: VllmPolicy, place: Path, port: int) -> list[str]:
    """Program and arguments; the key is none of them.

    Args:
        base: What is served.
        policy: Numbers.
        place: Folder of the installed server.
        port: On loopback.
    """
    told = {
        "model": base.folder.resolve(),
        "served-model-name": base.name,
        "host": "127.0.0.1",
        "port": port,
        "dtype": policy.precision,
        "max-model-len": base.window,
        # What a model's folder suggests for sampling is not what was asked for.
        "generation-config": "vllm",
        # As the training rows and the gates were rendered.
        "default-chat-template-kwargs": '{"enable_thinking": false}',
        "max-num-seqs": policy.sequences,
        "max-num-batched-tokens": policy.batched_tokens,
        "middleware": "named_models.NamedModels",
        "seed": 0,
    }
    if policy.quantisation:
        told["quantization"] = policy.quantisation
    if policy.kv_bytes:
        told["kv-cache-memory-bytes"] = policy.kv_bytes
    else:
        told["gpu-memory-utilization"] = policy.memory_share
    flags = ["--disable-uvicorn-access-log", *([] if policy.compiled else ["--enforce-eager"])]
    return [
        str(vllm_python(place)), "-m", _MODULE,
        *(f"--{key}={value}" for key, value in told.items()), *_adapters(policy), *flags,
    ]  # fmt: skip


def _adapters(policy: VllmPolicy) -> list[str]:
    # One slot more than adapters on a processor, where the last one has to stay empty.
    slots = policy.adapters + 1 if policy.device == "processor" else policy.slots
    # A graph for each number of active adapters: eight mixed at .95 of one alone, not .90 (one
    # H100; benchmarks/vllm_adapters/results.md).
    graphs = ["--specialize-active-lora"] if policy.compiled else []
    return [
        "--enable-lora",
        f"--max-loras={slots}",
        f"--max-cpu-loras={max(slots, policy.adapters + 1)}",
        f"--max-lora-rank={policy.rank}",
        *graphs,
    ]


def environment(policy: VllmPolicy, place: Path) -> dict[str, str]:
    """Variables beside the key: no telemetry, no hub, caches in the server's own folder."""
    told = {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": str(policy.keep_alive_s),
        "VLLM_BATCH_INVARIANT": str(int(policy.batch_invariant)),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(Path(within_vllm.__file__).parent),
        "VLLM_CACHE_ROOT": str(place / "cache"),
        "VLLM_CONFIG_ROOT": str(place / "config"),
    }
    if policy.tuned is not None:
        told["VLLM_TUNED_CONFIG_FOLDER"] = str(policy.tuned.resolve())
    if policy.device == "processor":
        # Bound to cores, two servers would share one and leave the others idle.
        told |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": str(policy.threads)}
    else:
        told["VLLM_USE_FLASHINFER_SAMPLER"] = "0"
    return told
