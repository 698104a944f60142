"""What bases weigh in memory, and how much of it there is."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import psutil

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.serving import BaseFigures
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError, StoreError
from cra_pipeline.integrations.bases import list_bases, model_folder, standing

BYTES = {"float32": 4, "bfloat16": 2}
"""Of a number, by precision."""

_ASKED_S = 20.0
_MEBI = 2**20


def figures_of(layout: Layout, record: BaseRecord, precision: str) -> BaseFigures:
    """A base's share of memory, by its configuration.

    Raises:
        StoreError: The configuration cannot be read, or does not tell a size.
    """
    path = model_folder(layout, record.base_id) / "config.json"
    try:
        config = json.loads(path.read_bytes())
        token = _cache_of_token(config) * BYTES[precision]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: does not tell the size of a token's cache ({error!r}): copy the base again"
        ) from error
    return BaseFigures(
        base_id=record.base_id,
        base_digest=record.content_id,
        role=record.role,
        window=record.window,
        weight_bytes=record.parameters * BYTES[precision],
        kv_bytes_per_token=token,
    )


def standing_bases(layout: Layout, precision: str) -> tuple[BaseFigures, ...]:
    """Bases that no other one made obsolete.

    Raises:
        StoreError: A record or configuration cannot be read.
    """
    return tuple(figures_of(layout, record, precision) for record in standing(list_bases(layout)))


def memory_bytes(device: str) -> int:
    """Memory that servers may take: all of a card, or half of the machine.

    Args:
        device: As torch names it, such as ``cpu`` or ``cuda:0``.

    Raises:
        ModelError: The card does not tell.
    """
    if not device.startswith("cuda"):
        # Not what is free now: a layout is the same today and tomorrow.
        return int(psutil.virtual_memory().total) // 2
    number = device.partition(":")[2] or "0"
    command = ["nvidia-smi", f"--id={number}", "--query-gpu=memory.total"]
    try:
        told = subprocess.run(
            [*command, "--format=csv,noheader,nounits"],
            capture_output=True,
            check=True,
            timeout=_ASKED_S,
        ).stdout
        return int(told.split()[0]) * _MEBI
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise ModelError(
            f"{device}: its memory cannot be told ({error}): say it with --memory"
        ) from error


def _cache_of_token(config: dict[str, Any]) -> int:
    """Numbers that one token leaves in the cache: a key and a value in every layer."""
    heads = int(config["num_attention_heads"])
    width = int(config.get("head_dim") or int(config["hidden_size"]) // heads)
    shared = int(config.get("num_key_value_heads") or heads)
    return 2 * int(config["num_hidden_layers"]) * shared * width
