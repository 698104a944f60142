"""Numbers of a llama-server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Weights = Literal["f32", "f16", "bf16", "q8_0"]
"""Of the base, as the converter names them; adapters keep float32."""

_SERVED: Mapping[Weights, str] = {
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "q8_0": "q8_0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaPolicy:
    """How a llama-server works.

    Attributes:
        weights: Of the base. With ``f32`` keys and values are kept in float32 as well, and its
            fused attention is off: greedy answers are then those of the trainer's own model.
        port: On loopback; 0 for any that is free.
        slots: Requests that it reads and answers at a time; it batches those of one adapter. Each
            has memory for a whole window.
        threads: Of the processor. Two on two busy cores brought 33 requests a second down to 2.
        reuse_prompts: Whether a slot keeps the start of its last prompt for one that begins alike.
            It forgets it when the adapter changes; sums may still be added up in other order.
        waiting: Requests that may wait in all; further ones hear 503 and come back.
        body_bytes: Longest body.
        start_s: Seconds until it answers, the base's conversion included: minutes for billions of
            weights, once for each base.
        load_s: Seconds that loading an adapter may take: conversion, and a start beside the old.
        drain_s: Seconds that answers of the old program may take after a new one took over.
        stop_s: Seconds that an end may take before it is forced.
    """

    weights: Weights = "f32"
    port: int = 0
    slots: int = 1
    threads: int = 1
    reuse_prompts: bool = False
    waiting: int = 256
    body_bytes: int = 4 * 2**20
    start_s: float = 1800.0
    load_s: float = 300.0
    drain_s: float = 600.0
    stop_s: float = 10.0

    @property
    def served_as(self) -> str:
        """Precision of the served form."""
        return _SERVED[self.weights]
