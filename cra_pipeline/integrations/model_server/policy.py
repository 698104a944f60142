"""Numbers of the model server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["float32", "bfloat16"]
"""Of weights and activations; what a gate is told as the served form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPolicy:
    """How the server works; none of it but the precision decides an answer.

    Attributes:
        precision: ``float32`` where figures have to repeat; ``bfloat16`` where memory is short.
        device: As torch names it, such as ``cpu`` or ``cuda:0``.
        port: On loopback; 0 for any that is free.
        threads: Of the processor; more of them share a small machine's two cores badly.
        waiting: Requests that may wait; further ones hear 503 and come back.
        body_bytes: Longest body; a full window of 128k tokens needs about 0.6 MB.
        start_s: Seconds until the server answers, weights read; a 4B model needs two minutes on a
            cold disk.
        load_s: Seconds that loading an adapter may take, its wait for answers under way included.
        stop_s: Seconds that an end may take before it is forced.
    """

    precision: Precision = "float32"
    device: str = "cpu"
    port: int = 0
    threads: int = 1
    waiting: int = 256
    body_bytes: int = 4 * 2**20
    start_s: float = 300.0
    load_s: float = 600.0
    stop_s: float = 10.0
