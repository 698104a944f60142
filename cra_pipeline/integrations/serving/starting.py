"""How a server of a layout is started, by its name in the table of model servers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from cra_pipeline.contracts.serving import ServerInstance
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.bases import model_folder, verify_base
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.model_server.policy import Precision, ServerPolicy
from cra_pipeline.integrations.model_server.process import ServedBase, running_server
from cra_pipeline.integrations.responders.lane import Count
from cra_pipeline.integrations.serving.instance import RunningServer, Start

Vet = Callable[[Path], None]
"""Looks at an adapter's folder before the server does; raises what it has against it."""


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


def start_of(layout: Layout, choice: ServerChoice, instance: ServerInstance, vet: Vet) -> Start:
    """Starts the server of an instance; its base is hashed each time before.

    Args:
        layout: The workspace.
        choice: Which server.
        instance: Settings.
        vet: Looks at adapters before they are loaded.
    """
    return cast("Start", partial(_started, layout, choice, instance, vet))


def counter(layout: Layout, base_id: str) -> Count:
    """Counts tokens as the server of a base reads them.

    Raises:
        StoreError: The base's tokenizer cannot be read.
    """
    chat = HuggingFaceChat(model_folder(layout, base_id))
    return lambda system, prompt: len(chat.prompt_ids(system, prompt))


def _started(
    layout: Layout, choice: ServerChoice, instance: ServerInstance, vet: Vet
) -> AbstractContextManager[RunningServer]:
    verify_base(layout, instance.base_id)
    served = ServedBase(
        name=instance.base_id,
        folder=model_folder(layout, instance.base_id),
        window=instance.window,
    )
    policy = ServerPolicy(precision=choice.precision, device=choice.device, threads=choice.threads)
    return running_server(layout, served, policy=policy, vet=vet)
