"""Workspaces with versions in service, on a base that is really there or a stand-in for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.adapter_files import CONFIG, MANIFEST, WEIGHTS, adapter_digest
from cra_pipeline.integrations.bases import hashed, model_folder
from cra_pipeline.integrations.chat.tiny import train_tiny
from cra_pipeline.integrations.files import rows_content_id, write_bytes, write_record
from cra_pipeline.registry.stage.promoting import promote
from cra_pipeline.registry.stage.registering import register
from cra_pipeline_tests.registry.worlds import World, recipe, vet

CONFIGURATION = {
    "architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 32, "hidden_size": 64, "max_position_embeddings": 4096,
}  # fmt: skip

Files = Callable[[str, str, Path], None]
"""Writes weights and configuration of a kind and round into a folder."""


def words(kind: str, round_name: str, folder: Path) -> None:
    """Files that no server could read, and that a fake one does not look at."""
    write_bytes(folder / WEIGHTS, f"weights of {kind} {round_name}".encode())
    write_bytes(folder / CONFIG, b'{"peft_type": "LORA"}')


@dataclass(slots=True, kw_only=True)
class ServingWorld(World):
    """A registry whose adapters lie on a base of the workspace.

    Attributes:
        record: The base.
        files: Of adapters.
    """

    record: BaseRecord
    files: Files = field(default=words)

    def adapter(self, kind: str, round_name: str) -> str:
        """Write an adapter's files; returns its digest."""
        folder = self.layout.partition("adapter", f"{kind}|{round_name}")
        self.files(kind, round_name, folder)
        digest, weights = adapter_digest(folder)
        config = json.loads((folder / CONFIG).read_bytes())
        told = recipe(kind, round_name, self.base).model_copy(
            update={
                "base_id": self.record.base_id,
                "rank": config.get("r", 16),
                "alpha": config.get("lora_alpha", 32),
                "targets": tuple(sorted(config.get("target_modules", ["q_proj"]))),
            }
        )
        manifest = AdapterManifest(
            adapter_kind=kind, round=round_name, recipe=told, trainer="peft",
            adapter_digest=digest, weights_sha256=weights, rows=(("sft train", 480),),
            training_loss=0.25, validation_loss=0.3, steps=60, stopped_early=False,
        )  # fmt: skip
        write_record(folder / MANIFEST, manifest)
        return manifest.adapter_digest

    def serve_next(self, kind: str = "scope") -> str:
        """Gate, register and promote the kind's next version."""
        done = sum(1 for path in self.layout.partition("adapter", kind).glob("r*"))
        return self.serve(kind, f"r{done + 1:02d}")

    def registered(self, kind: str, round_name: str) -> str:
        """Gate and register a version without promoting it."""
        self.gated(kind, round_name)
        return register(self.layout, kind, round_name, vet=vet).version

    def promoted(self, kind: str, version: str) -> None:
        """Put a registered version in service."""
        promote(self.layout, kind, version)


def stand_in_world(layout: Layout) -> ServingWorld:
    """A world on a base that has a tokenizer and a configuration, and nothing to compute with."""
    record = stand_in_base(layout, "tiny-4k-base-v1", "tiny")
    return ServingWorld(layout=layout, base=record.content_id, record=record)


def stand_in_base(
    layout: Layout, base_id: str, role: Literal["reasoning", "coding", "tiny"]
) -> BaseRecord:
    """Such a base; its id is in its files, so that no two are alike."""
    folder = model_folder(layout, base_id)
    folder.mkdir(parents=True)
    train_tiny(["yes no File: till.py Task: add a discount"], folder, vocabulary=300)
    (folder / "config.json").write_text(json.dumps(CONFIGURATION | {"named": base_id}))
    header = b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    weights = len(header).to_bytes(8, "little") + header + bytes(4)
    (folder / "model.safetensors").write_bytes(weights)
    files = hashed(folder)
    record = BaseRecord(
        base_id=base_id, role=role, name=role, architecture="Qwen3ForCausalLM",
        parameters=100_000, window=4096, chat="tiny", end_of_turn="<|im_end|>", files=files,
        content_id=rows_content_id(files),
    )  # fmt: skip
    write_record(layout.bases / base_id / "base.json", record)
    return record
