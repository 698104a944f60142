"""How a server of a layout is started, by its name in the table of model servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from cra_pipeline.contracts.serving import ServerInstance
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.bases import model_folder, verify_base
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.model_server.policy import Precision
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline.integrations.model_server.snapshots import Vet
from cra_pipeline.integrations.model_server.table import RunningServer, Settings, server_named
from cra_pipeline.integrations.responders.lane import Count
from cra_pipeline.integrations.serving.instance import Start

LOADS = 32
"""Adapters that one life of a server on a processor takes; vLLM's build for processors frees no
slot, and one of the tiny base's slots weighs under a megabyte."""

_LEAST_CACHE = 128 * 2**20
"""Bytes of cache on a processor, where no window asks for more: memory has other uses there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChoice:
    """Which server, and how.

    Attributes:
        name: In the table of model servers.
        precision: Of weights and activations.
        device: As torch names it.
        threads: Of the processor, of each server.
    """

    name: str = "transformers"
    precision: Precision = "float32"
    device: str = "cpu"
    threads: int = 1

    @property
    def on_card(self) -> bool:
        """Whether a card computes."""
        return self.device != "cpu"


def start_of(layout: Layout, choice: ServerChoice, instance: ServerInstance, vet: Vet) -> Start:
    """Starts the server of an instance; its base is hashed each time before.

    Args:
        layout: The workspace.
        choice: Which server.
        instance: Settings.
        vet: Looks at adapters before they are loaded.
    """
    return partial(_started, layout, choice, instance, vet)


def counter(layout: Layout, base_id: str) -> Count:
    """Counts tokens as the server of a base reads them.

    Raises:
        StoreError: The base's tokenizer cannot be read.
    """
    chat = HuggingFaceChat(model_folder(layout, base_id))
    return lambda system, prompt: len(chat.prompt_ids(system, prompt))


def settings_of(choice: ServerChoice, instance: ServerInstance) -> Settings:
    """A layout's settings in the words of the table of model servers."""
    window = instance.window * (instance.kv_bytes // instance.kv_tokens)
    enough = min(instance.kv_bytes, max(_LEAST_CACHE, window))
    return Settings(
        precision=choice.precision,
        device="gpu" if choice.on_card else "processor",
        threads=choice.threads,
        adapters=instance.max_cpu_loras if choice.on_card else LOADS,
        slots=instance.max_loras,
        rank=instance.max_lora_rank,
        kv_bytes=instance.kv_bytes if choice.on_card else enough,
    )


@contextmanager
def _started(
    layout: Layout, choice: ServerChoice, instance: ServerInstance, vet: Vet
) -> Iterator[RunningServer]:
    # Hashed in the server's own thread: a large base takes seconds.
    verify_base(layout, instance.base_id)
    served = ServedBase(
        name=instance.base_id,
        folder=model_folder(layout, instance.base_id),
        window=instance.window,
    )
    start = server_named(choice.name)
    with start(layout, served, settings_of(choice, instance), vet) as server:
        yield server
