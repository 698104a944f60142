"""A workspace as curation leaves it, with a base; and rows with a cue that a tiny model learns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors.numpy import save_file

from cra_pipeline.contracts.adapters import PROJECTIONS, AdapterRecipe, Phase
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.datasets import (
    DatasetManifest,
    DpoExample,
    Message,
    Origin,
    SftExample,
)
from cra_pipeline.contracts.manifests import AssetManifest, Input
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.chat.tiny import train_tiny
from cra_pipeline.integrations.evidence import write_check
from cra_pipeline.integrations.files import write_bytes, write_record
from cra_pipeline_tests.contracts.regenerate import example

SYSTEM = "Say whether the file matters. Answer yes or no."
SIZES = {"hidden": 64, "heads": 128, "keys": 64, "between": 192}


R = TypeVar("R", bound=Record)


def sample(record: type[R]) -> R:
    """Any sound record of a kind, the same every time."""
    found = example(record)
    assert isinstance(found, record)
    return found


def texts(count: int = 64) -> list[str]:
    """What the rows say, for a tokenizer."""
    return [SYSTEM, *(question(number) for number in range(count)), "yes", "no"]


def question(number: int) -> str:
    """A prompt whose answer is a matter of one word."""
    name = ("parser", "writer", "cache")[number % 3]
    return f"File {name}_{number}.py: {'fix this one' if number % 2 else 'leave that alone'}"


def origin(number: int, *, author: str = "") -> Origin:
    """Four rows of each commit, an hour apart."""
    return Origin(
        source="synthetic", repo="elm", domain="database", licence="MIT", sha="0" * 40,
        patch_id="", committed_at=1_700_000_000 + 3600 * (number // 4), task_id=f"elm-{number}",
        attempt_ids=(), call_number=-1, row=str(number), author=author,
    )  # fmt: skip


def said(text: str) -> tuple[Message, ...]:
    """An answer."""
    return (Message(role="assistant", content=text),)


def asked(number: int) -> tuple[Message, ...]:
    """A prompt."""
    return (
        Message(role="system", content=SYSTEM),
        Message(role="user", content=question(number)),
    )


def sft_row(
    number: int,
    *,
    call_kind: str = "scope",
    answer: str = "",
    author: str = "",
    round: str = "r01",  # noqa: A002  # as the record has it
) -> SftExample:
    """A row of the supervised form; it answers what is right unless told otherwise."""
    return SftExample(
        example_id=f"sft-{number}", adapter_kind="scope", call_kind=call_kind, round=round,
        label="diff", prompt=asked(number),
        completion=said(answer or ("yes" if number % 2 else "no")),
        origin=origin(number, author=author),
    )  # fmt: skip


def dpo_row(number: int) -> DpoExample:
    """A pair of which the right answer was chosen."""
    right, wrong = ("yes", "no") if number % 2 else ("no", "yes")
    return DpoExample(
        example_id=f"dpo-{number}", adapter_kind="scope", call_kind="scope", round="r01",
        label="failed", prompt=asked(number), chosen=said(right), rejected=said(wrong),
        origin=origin(number),
    )  # fmt: skip


def phase(form: str, **fields: object) -> Phase:
    """A few steps on a tiny base."""
    numbers: dict[str, object] = {
        "form": form, "learning_rate": 5e-3 if form == "sft" else 1e-3, "schedule": "cosine",
        "warmup": 0.0, "epochs": 3.0, "most_steps": 6, "batch": 8, "micro_batch": 8,
        "optimizer": "adamw_torch", "beta": 0.1 if form == "dpo" else 0.0,
        "validation_share": 0.1, "patience": 0, "eval_steps": 3,
    }  # fmt: skip
    return Phase.model_validate(numbers | fields)


def recipe(*phases: Phase, **fields: object) -> AdapterRecipe:
    """A recipe of these phases for the tiny base."""
    numbers: dict[str, object] = {
        "adapter_kind": "scope", "round": "r01", "technique": "sft", "base_id": "tiny-4k-base-v1",
        "base_digest": "d" * 64, "datasets": (), "rank": 8, "alpha": 16, "dropout": 0.0,
        "targets": PROJECTIONS, "quantisation": "none", "precision": "float32", "window": 512,
        "end_of_turn": "<|im_end|>", "seed": 0, "phases": phases,
    }  # fmt: skip
    return AdapterRecipe.model_validate(numbers | fields)


def base_record(**fields: object) -> BaseRecord:
    """A base as it would be recorded."""
    numbers: dict[str, object] = {
        "base_id": "reasoning-32k-base-v1", "role": "reasoning", "name": "Qwen/Qwen3-4B",
        "architecture": "Qwen3ForCausalLM", "parameters": 4_000_000_000, "window": 32768,
        "chat": "model@0", "end_of_turn": "<|im_end|>", "files": (), "content_id": "b" * 64,
        "gate_1": "9" * 64, "replaces": "",
    }  # fmt: skip
    return BaseRecord.model_validate(numbers | fields)


def bare_model(folder: Path, *, fill: float = 0.5) -> Path:
    """A model's folder that is right in form, made without any training library."""
    train_tiny(texts(8), folder)
    config = {"architectures": ["Qwen3ForCausalLM"], "max_position_embeddings": 4096}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = np.full((4, 2), fill, dtype=np.float32)
    save_file({"model.embed_tokens.weight": weights}, folder / "model.safetensors")
    return folder


def adapter_tensors(rank: int = 8) -> dict[str, np.ndarray]:
    """Weights of an adapter of one block, as PEFT names them."""
    sizes = {"gate_proj": (64, 192), "up_proj": (64, 192), "down_proj": (192, 64)}
    found = {}
    for name in PROJECTIONS:
        inner, outer = sizes.get(name, (64, 64))
        part = "mlp" if name in sizes else "self_attn"
        stem = f"base_model.model.model.layers.0.{part}.{name}"
        found[f"{stem}.lora_A.weight"] = np.full((rank, inner), 0.1, dtype=np.float32)
        found[f"{stem}.lora_B.weight"] = np.full((outer, rank), 0.1, dtype=np.float32)
    return found


def open_round(layout: Layout, name: str = "r01", **waivers: str) -> RoundRecord:
    """A round that is opened."""
    record = RoundRecord(
        round=name, cut_off=1_800_000_000, pins=(), held_out=(),
        waivers=tuple(sorted(waivers.items())),
    )  # fmt: skip
    write_record(layout.rounds / f"{name}.json", record)
    return record


def dataset(  # noqa: PLR0913  # one keyword per thing that a test varies
    layout: Layout,
    form: str,
    rows: Sequence[SftExample | DpoExample],
    *,
    kind: str = "scope",
    findings: Sequence[str] = (),
    round: str = "r01",  # noqa: A002  # as the record has it
) -> Input:
    """A curated dataset with its manifests and its check."""
    partition = f"{kind}|{round}"
    folder = layout.partition(f"{form}_dataset", partition)
    content = "".join(f"{row.canonical_json()}\n" for row in rows).encode()
    content_id = hashlib.sha256(content).hexdigest()
    write_bytes(folder / f"{form}.jsonl", content)
    write_record(
        folder / "manifest.json",
        DatasetManifest.model_validate({
            "adapter_kind": kind, "round": round, "form": form, "rows": len(rows),
            "replayed": sum(row.round != round for row in rows), "content_id": content_id,
            "inputs": (), "by_source": (), "by_domain": (), "by_repo": (), "by_label": (),
            "by_round": (), "dropped": (), "policy": "{}",
        }),
    )  # fmt: skip
    sealed = AssetManifest(
        asset=f"{form}_dataset", partition=partition, rows=len(rows), content_id=content_id,
        inputs=(), counts=(), policy="{}",
    )  # fmt: skip
    write_record(folder / "asset.json", sealed)
    write_check(layout, sealed, list(findings))
    return Input(name=f"{form}_dataset/{partition}", content_id=content_id)
