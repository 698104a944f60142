"""Model servers by name, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from cra_pipeline.contracts.ports import ModelServer
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.model_server.policy import Precision
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline.integrations.model_server.snapshots import Vet

ServerBackend = Literal["transformers", "vllm", "llama_server"]


class RunningServer(ModelServer, Protocol):
    """A ``ports.ModelServer`` as a process, seen from whoever started it."""

    @property
    def api_key(self) -> str:
        """Shown by clients as a bearer's token; empty where anybody on this machine may ask."""
        ...

    @property
    def pid(self) -> int:
        """Of the process that clients speak to."""
        ...

    @property
    def log(self) -> Path:
        """What it says; gone with its end."""
        ...

    @property
    def ended(self) -> bool:
        """Whether that process died."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every server can be told, in its own words or not.

    Attributes:
        precision: Of weights and activations.
        device: A card, or the processor.
        port: On loopback; 0 for any that is free.
        threads: Of the processor; a llama-server answers as many requests at a time.
        adapters: Most adapters; see ``VllmPolicy``. The other servers have no such bound.
        slots: Adapters whose requests share a batch on a card.
        rank: Greatest rank of an adapter.
        kv_bytes: Of keys and values; 0 for the server's own choice.
        batch_invariant: See ``VllmPolicy``.
        tuned: Folder of tuned kernel configurations of a card, for vLLM.
    """

    precision: Precision = "float32"
    device: Literal["processor", "gpu"] = "processor"
    port: int = 0
    threads: int = 1
    adapters: int = 16
    slots: int = 8
    rank: int = 32
    kv_bytes: int = 0
    batch_invariant: bool = False
    tuned: Path | None = None


Start = Callable[[Layout, ServedBase, Settings, Vet | None], AbstractContextManager[RunningServer]]
"""Serves a base for the time of a block; raises ``ModelError`` and ``BusyError``."""


def _transformers(
    layout: Layout, base: ServedBase, told: Settings, vet: Vet | None
) -> AbstractContextManager[RunningServer]:
    from cra_pipeline.integrations.model_server.policy import ServerPolicy
    from cra_pipeline.integrations.model_server.process import running_server

    policy = ServerPolicy(
        precision=told.precision,
        device="cuda:0" if told.device == "gpu" else "cpu",
        port=told.port,
        threads=told.threads,
    )
    return running_server(layout, base, policy=policy, vet=vet)


def _vllm(
    layout: Layout, base: ServedBase, told: Settings, vet: Vet | None
) -> AbstractContextManager[RunningServer]:
    from cra_pipeline.integrations.model_server.vllm import running_vllm
    from cra_pipeline.integrations.model_server.vllm_policy import VllmPolicy, card_policy

    own = card_policy() if told.device == "gpu" else VllmPolicy()
    policy = replace(
        own,
        precision=told.precision,
        port=told.port,
        threads=told.threads,
        adapters=told.adapters,
        slots=told.slots,
        rank=told.rank,
        kv_bytes=told.kv_bytes or own.kv_bytes,
        batch_invariant=told.batch_invariant,
        tuned=told.tuned,
    )
    return running_vllm(layout, base, policy=policy, vet=vet)


def _llama_server(
    layout: Layout, base: ServedBase, told: Settings, vet: Vet | None
) -> AbstractContextManager[RunningServer]:
    from cra_pipeline.integrations.model_server.llama_policy import LlamaPolicy
    from cra_pipeline.integrations.model_server.llama_server import running_llama

    if told.device == "gpu":
        raise ModelError("llama_server is built for processors here: take vllm for a card")
    policy = LlamaPolicy(
        weights="f32" if told.precision == "float32" else "bf16",
        port=told.port,
        slots=told.threads,
        threads=told.threads,
    )
    return running_llama(layout, base, policy=policy, vet=vet)


SERVERS: dict[ServerBackend, Start] = {
    "transformers": _transformers,
    "vllm": _vllm,
    "llama_server": _llama_server,
}
"""By name."""


def server_named(name: str) -> Start:
    """How to start a server.

    Raises:
        ModelError: No such server.
    """
    for known, start in SERVERS.items():
        if known == name:
            return start
    raise ModelError(f"{name!r} is no model server: expected one of {', '.join(SERVERS)}")
