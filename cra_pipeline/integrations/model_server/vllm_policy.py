"""Numbers of a vLLM: on a small machine's processor, and on a card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cra_pipeline.integrations.model_server.policy import Precision

_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmPolicy:
    """How a vLLM works.

    Attributes:
        device: Which build is installed: for the processor or for a card.
        precision: Of weights and activations; with ``quantisation`` of activations alone.
        quantisation: As vLLM names it, such as ``fp8``; empty for none. Its answers drift from
            those of the unquantised base: judge adapters in the form that is served.
        batch_invariant: Answers do not depend on what else is in the batch; only on a card, at
            two thirds of the speed. float32 on a processor needs no such mode.
        port: On loopback; 0 for any that is free.
        adapters: Most adapters that are served at a time, and on a processor that may be loaded
            between start and end: see ``vllm``.
        slots: Adapters whose requests share a batch, on a card; requests of others wait.
        rank: Greatest rank of an adapter; memory is taken for it in each slot.
        kv_bytes: For keys and values of all requests; one whole window has to fit. 0 leaves a card
            all that is free up to ``memory_share``.
        memory_share: Of a card, for weights, slots, keys and values together.
        sequences: Most requests in a batch.
        batched_tokens: Most prompt tokens that one step reads. On a processor each of them copies
            an adapter's matrices: more costs memory and no time.
        compiled: Whether kernels are compiled for the model: half a minute at the start, for a
            card.
        tuned: Folder of tuned kernel configurations for the card's adapters.
        threads: Of a processor.
        start_s: Seconds until the server answers; on a card two minutes were measured.
        load_s: Seconds that loading an adapter may take.
        stop_s: Seconds that an end may take before it is forced.
        keep_alive_s: Idle connections stay open so long. The server's own 5 s cut off requests that
            were sent just then.
    """

    device: Literal["processor", "gpu"] = "processor"
    precision: Precision = "float32"
    quantisation: str = ""
    batch_invariant: bool = False
    port: int = 0
    adapters: int = 16
    slots: int = 8
    rank: int = 32
    kv_bytes: int = 128 * _MIB
    memory_share: float = 0.9
    sequences: int = 32
    batched_tokens: int = 512
    compiled: bool = False
    tuned: Path | None = None
    threads: int = 1
    start_s: float = 600.0
    load_s: float = 120.0
    stop_s: float = 15.0
    keep_alive_s: int = 75

    @property
    def served_as(self) -> str:
        """Of the served form, all that changes an answer."""
        parts = (self.precision, self.quantisation, "batch-invariant" * self.batch_invariant)
        return ", ".join(part for part in parts if part)


def card_policy() -> VllmPolicy:
    """For a card, as it was measured there: bfloat16, compiled, eight adapters to a batch."""
    return VllmPolicy(
        device="gpu",
        precision="bfloat16",
        kv_bytes=0,
        adapters=32,
        sequences=128,
        batched_tokens=8192,
        compiled=True,
    )
