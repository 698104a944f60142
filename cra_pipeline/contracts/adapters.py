"""Adapters: the recipe, resolved to the last number, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cra_pipeline.contracts.datasets import DpoExample, SftExample
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.record import Record

Technique = Literal["sft", "sft_curriculum", "sft_dpo", "dpo"]
"""``sft_curriculum`` keeps the dataset's own order; the others shuffle by the seed."""

TrainerName = Literal["peft", "unsloth"]

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""All seven linear layers of a block of Qwen3, Qwen2.5 and Llama."""


class Phase(Record):
    """One optimisation, supervised or by preference; ``sft_dpo`` has two."""

    form: Literal["sft", "dpo"]
    learning_rate: float
    schedule: Literal["cosine", "constant"]
    warmup: float
    """Share of the steps, in [0, 1)."""
    epochs: float
    most_steps: int
    """0 for as many as the epochs have."""
    batch: int
    """Rows to an optimiser step: ``micro_batch`` times accumulation."""
    micro_batch: int
    """Rows in memory at a time, before any answer to a full memory."""
    optimizer: str
    """Name as transformers knows it, such as ``adamw_8bit``."""
    beta: float = 0.0
    """Of DPO; 0 for supervised phases."""
    validation_share: float
    """Newest rows by commit date that are not trained on, in [0, 1); they decide when to stop."""
    patience: int
    """Evaluations without gain before the phase stops; 0 to run to the end."""
    eval_steps: int
    """Optimiser steps between evaluations and checkpoints."""


class AdapterRecipe(Record):
    """Everything that decides an adapter's weights, so that they can be made again."""

    adapter_kind: str
    round: str
    technique: Technique
    base_id: str
    base_digest: str
    datasets: tuple[Input, ...]
    """(asset and partition, content id) of what it is trained on, sorted by name."""
    rank: int
    alpha: int
    dropout: float
    targets: tuple[str, ...]
    quantisation: Literal["nf4", "none"]
    precision: Literal["bfloat16", "float32"]
    window: int
    """Most tokens of a row; a longer one is refused, never cut."""
    end_of_turn: str
    """Must be the last trained token of every row, once."""
    seed: int
    phases: tuple[Phase, ...]
    control: Literal["", "shuffled_labels"] = ""
    """A negative control, where it is one: its answers were exchanged before training."""


class TrainingEvent(Record):
    """Line of ``curve.jsonl``: what one optimiser step or evaluation showed."""

    phase: Literal["sft", "dpo"]
    step: int
    """From 1, within the phase."""
    loss: float
    learning_rate: float
    eval_loss: float | None = None
    margin: float | None = None
    """Of DPO: mean reward of the chosen less that of the rejected."""
    tokens: int = 0
    """Read so far in the phase."""


class MemoryAnswer(Record):
    """A micro-batch that did not fit, and the smaller one that took its place."""

    phase: Literal["sft", "dpo"]
    from_micro_batch: int
    to_micro_batch: int


class AdapterManifest(Record):
    """``adapter.json``, written last: with it the adapter is done; nothing in it is about pace."""

    adapter_kind: str
    round: str
    recipe: AdapterRecipe
    trainer: TrainerName
    adapter_digest: str
    """SHA-256 of ``adapter_model.safetensors`` and ``adapter_config.json`` by name."""
    weights_sha256: str
    """Of ``adapter_model.safetensors`` alone."""
    rows: tuple[tuple[str, int], ...]
    """(phase and split, rows), such as ``("sft train", 480)``."""
    training_loss: float
    """Mean of the last tenth of the last phase's steps."""
    validation_loss: float | None
    """Least of the last phase; None where nothing was held back."""
    steps: int
    """Optimiser steps of all phases, those after the best evaluation included."""
    stopped_early: bool
    memory_answers: tuple[MemoryAnswer, ...] = ()
    libraries: tuple[Input, ...] = ()
    """(package, version) of torch, transformers, trl and peft, sorted."""


class TrainingPace(Record):
    """``pace.json``: of the machine, and so outside of every content id."""

    device: str
    seconds: float
    tokens_per_second: float
    peak_memory_bytes: int
    resumed: int
    """How often the run was taken up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What a trainer is handed; lives for one run and never touches disk.

    Attributes:
        recipe: Resolved; a trainer chooses nothing but a smaller micro-batch.
        base: Folder of the frozen base model.
        sft: Rows of the supervised phase, in the dataset's order.
        dpo: Rows of the preference phase, in the dataset's order.
        folder: Of this run alone; checkpoints lie in it while the run lasts.
    """

    recipe: AdapterRecipe
    base: Path
    sft: tuple[SftExample, ...] = ()
    dpo: tuple[DpoExample, ...] = ()
    folder: Path
