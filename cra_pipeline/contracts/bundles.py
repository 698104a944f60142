"""The base bundle: what an outsourced fine-tune of a base reads, and what it sends back."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.datasets import Origin
from cra_pipeline.contracts.manifests import Count, Input
from cra_pipeline.contracts.record import Record

BundlePart = Literal["planning", "style", "role", "positional", "plan_document"]


class BundleRow(Record):
    """One conversation of a base bundle (line of ``data/<part>.jsonl``)."""

    row_id: str
    """SHA-256 of part and messages."""
    part: BundlePart
    call_kind: str
    """Key of ``kinds.CALL_KINDS``; empty for positional rows and plan documents."""
    round: str
    """To which its commit belongs."""
    system: str
    prompt: str
    thinking: str
    """How a teacher reasoned, which is trained before the answer; empty where none did."""
    answer: str
    window: int
    """Most tokens of the conversation in the base's own tokens; a longer row is refused."""
    origin: Origin


class BundleRecipe(Record):
    """``recipe.json``: every number of the full fine-tune."""

    round: str
    base_name: str
    """Upstream name, such as ``Qwen/Qwen3-4B``."""
    base_digest: str
    """``BaseRecord.content_id`` of the frozen base that is tuned."""
    role: Literal["reasoning", "coding", "tiny"]
    end_of_turn: str
    window: int
    """Most tokens of the tuned base; its configuration says so afterwards."""
    windows: tuple[tuple[str, int], ...]
    """(call kind, most tokens) of those with a window of their own, sorted."""
    learning_rate: float
    schedule: Literal["cosine", "constant"]
    warmup: float
    """Share of the steps, in [0, 1)."""
    weight_decay: float
    epochs: float
    batch: int
    """Rows to an optimiser step, over all devices."""
    devices: int
    precision: Literal["bfloat16", "float32"]
    """On GPUs; a processor always computes in float32."""
    zero_stage: int
    seed: int


class BundleManifest(Record):
    """``manifest.json`` of a base bundle; its digest names the bundle."""

    round: str
    base_name: str
    base_digest: str
    base_files: tuple[Input, ...]
    """SHA-256 of every file of the base, sorted by name: what is tuned must be this."""
    files: tuple[Input, ...]
    """SHA-256 of every other file of the bundle, sorted by name."""
    counts: tuple[Count, ...]
    """Rows of each file of ``data/``, in the order of names."""
    reasoned: int
    """Planning rows before whose answer a teacher's reasoning is trained."""
    notes: tuple[str, ...]
    """What the data lack, one sentence each."""


class BundleResult(Record):
    """``result.json``: what the bundle's own script says of a run that came to its end."""

    bundle: str
    """SHA-256 of the bundle's ``manifest.json``."""
    recipe: str
    """SHA-256 of its ``recipe.json``."""
    round: str
    base_digest: str
    files: tuple[Input, ...]
    """SHA-256 of every file of ``model/``, sorted by name."""
    rows: int
    """Rows that were trained."""
    steps: int
    planned_steps: int
    """As many as the recipe asks for; more than ``steps`` where the run was cut short."""
    window: int
    losses: tuple[float, ...]
    """Training loss at each report."""
    validation_loss: float
    """On ``data/evaluation.jsonl`` at the end."""
