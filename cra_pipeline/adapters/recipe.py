"""From an adapter kind, its datasets and a base to every number that decides the weights. Pure.

Nothing is left to a training library's defaults, and nothing is chosen in silence: what a machine
without a GPU changes is in the recipe, and in the sentences that come with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cra_pipeline.contracts.adapters import PROJECTIONS, AdapterRecipe, Phase, Technique
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.kinds import AdapterKind

Device = Literal["gpu", "processor"]
CURRICULUM = ("precision",)
"""Kinds that are learnt from easy to hard, in the order in which their datasets are curated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePolicy:
    """One optimisation; the numbers of the house are QLoRA's on bases of 0.6 to 4 billion.

    Attributes:
        learning_rate: 2e-4 for adapters on quantised bases.
        schedule: How it falls.
        warmup: Share of the steps, in [0, 1).
        epochs: At most three: early stopping ends most runs before.
        most_steps: 0 for as many as the epochs have.
        batch: Rows to a step.
        micro_batch: Rows in memory at a time.
        beta: Of DPO.
        validation_share: Newest rows that are held back.
        patience: Evaluations without gain before it stops.
        eval_steps: Steps between evaluations and checkpoints.
    """

    learning_rate: float = 2e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.03
    epochs: float = 3.0
    most_steps: int = 0
    batch: int = 16
    micro_batch: int = 4
    beta: float = 0.0
    validation_share: float = 0.1
    patience: int = 3
    eval_steps: int = 50

    def phase(self, form: Literal["sft", "dpo"], optimizer: str) -> Phase:
        """As it stands in a recipe."""
        return Phase(
            form=form,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            warmup=self.warmup,
            epochs=self.epochs,
            most_steps=self.most_steps,
            batch=self.batch,
            micro_batch=self.micro_batch,
            optimizer=optimizer,
            beta=self.beta,
            validation_share=self.validation_share,
            patience=self.patience,
            eval_steps=self.eval_steps,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipePolicy:
    """Defaults of all kinds on one sort of base.

    Attributes:
        sft: Of supervised phases.
        dpo: Of phases by preference; a step by preference is a hundredth of a supervised one, and
            one epoch is enough.
        rank: Of the LoRA matrices; 0 for the kind's.
        alpha_ratio: ``alpha`` is so many times the rank.
        dropout: Only where a run overfits; Unsloth's kernels need 0.
        quantise: Whether a GPU holds the base in 4-bit NF4, with double quantisation.
        precision: Of everything else.
        window: Most tokens of a row; 0 for the least of the kind's and the base's.
        gpu_optimizer: Name as transformers knows it.
        processor_optimizer: The same without a GPU, where there is no 8-bit one.
        seed: Draws first weights and the order of rows.
    """

    sft: PhasePolicy = PhasePolicy()
    dpo: PhasePolicy = PhasePolicy(learning_rate=5e-6, warmup=0.1, epochs=1.0, beta=0.1)
    rank: int = 0
    alpha_ratio: int = 2
    dropout: float = 0.0
    quantise: bool = True
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    window: int = 0
    gpu_optimizer: str = "adamw_8bit"
    processor_optimizer: str = "adamw_torch"
    seed: int = 0


HOUSE = RecipePolicy()

TINY = RecipePolicy(
    # Measured on the tiny corpus: held-out accuracy .96 to 1.00 in 18 seconds of a processor.
    sft=PhasePolicy(
        learning_rate=5e-3,
        warmup=0.0,
        most_steps=80,
        batch=32,
        micro_batch=32,
        patience=0,
        eval_steps=40,
    ),
    dpo=PhasePolicy(
        learning_rate=1e-3,
        warmup=0.0,
        most_steps=40,
        batch=8,
        micro_batch=8,
        beta=0.1,
        patience=0,
        eval_steps=20,
    ),
    rank=16,
    quantise=False,
    precision="float32",
    gpu_optimizer="adamw_torch",
)
"""For the base that is made on the spot."""

SMALL = RecipePolicy(
    # SmolLM2-135M stays at chance for up to 140 steps, then jumps; at 3e-4 it never does.
    sft=PhasePolicy(
        learning_rate=1e-3,
        schedule="constant",
        warmup=0.0,
        batch=8,
        micro_batch=8,
        patience=0,
        eval_steps=50,
    ),
    dpo=PhasePolicy(learning_rate=1e-4, warmup=0.0, epochs=1.0, batch=8, micro_batch=4, beta=0.1),
    rank=16,
    quantise=False,
    gpu_optimizer="adamw_torch",
)
"""For pretrained bases of some hundred million parameters, trained without quantisation."""

SMALL_AT_MOST = 500_000_000
"""Parameters; quantising less than that saves no memory to speak of."""


def policy_of(base: BaseRecord) -> RecipePolicy:
    """The defaults for a base."""
    if base.role == "tiny":
        return TINY
    return SMALL if base.parameters <= SMALL_AT_MOST else HOUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A recipe, and in what it differs from the kind's defaults.

    Attributes:
        recipe: With every number.
        notes: One sentence for each choice that the machine or the base made.
    """

    recipe: AdapterRecipe
    notes: tuple[str, ...]


def resolve(  # noqa: PLR0913  # one keyword per thing that decides
    kind: AdapterKind,
    round_name: str,
    base: BaseRecord,
    datasets: Sequence[Input],
    *,
    device: Device,
    policy: RecipePolicy | None = None,
) -> Resolved:
    """Every hyper-parameter of one run.

    Args:
        kind: What is trained.
        round_name: Such as ``r01``.
        base: The frozen base.
        datasets: What it is trained on.
        device: Where it is trained: a processor quantises nothing.
        policy: Other numbers than those for the base.

    Raises:
        ValueError: The numbers do not fit together.
    """
    rules = policy or policy_of(base)
    rank = rules.rank or kind.rank
    quantised = rules.quantise and device == "gpu"
    window = min(rules.window or kind.window, base.window)
    recipe = AdapterRecipe(
        adapter_kind=kind.name,
        round=round_name,
        technique=technique_of(kind),
        base_id=base.base_id,
        base_digest=base.content_id,
        datasets=tuple(sorted(datasets, key=lambda item: item.name)),
        rank=rank,
        alpha=rules.alpha_ratio * rank,
        dropout=rules.dropout,
        targets=PROJECTIONS,
        quantisation="nf4" if quantised else "none",
        precision=rules.precision,
        window=window,
        end_of_turn=base.end_of_turn,
        seed=rules.seed,
        phases=_phases(kind, rules, device),
    )
    _require_sane(recipe)
    return Resolved(recipe=recipe, notes=_notes(kind, base, recipe, rules, device))


def technique_of(kind: AdapterKind) -> Technique:
    """How a kind is trained; those of ``CURRICULUM`` keep their dataset's order."""
    return "sft_curriculum" if kind.name in CURRICULUM else kind.technique


def _phases(kind: AdapterKind, rules: RecipePolicy, device: Device) -> tuple[Phase, ...]:
    optimizer = rules.gpu_optimizer if device == "gpu" else rules.processor_optimizer
    found = []
    if "sft" in kind.technique:
        # Easy to hard is one pass: a second one would begin with the easy rows again.
        sft = replace(rules.sft, epochs=1.0) if kind.name in CURRICULUM else rules.sft
        found.append(sft.phase("sft", optimizer))
    if "dpo" in kind.technique:
        found.append(rules.dpo.phase("dpo", optimizer))
    return tuple(found)


def _require_sane(recipe: AdapterRecipe) -> None:
    for phase in recipe.phases:
        if phase.micro_batch < 1 or phase.batch % phase.micro_batch:
            raise ValueError(
                f"{phase.form}: batch {phase.batch} is no multiple of micro-batch "
                f"{phase.micro_batch}: give one that divides it"
            )
        if not (phase.learning_rate > 0 and 0 <= phase.validation_share < 1):
            raise ValueError(
                f"{phase.form}: learning rate {phase.learning_rate}, validation share "
                f"{phase.validation_share}: expected above 0, and a share in [0, 1)"
            )
        if phase.form == "dpo" and phase.beta <= 0:
            raise ValueError(f"dpo: beta {phase.beta}: expected above 0")
    if recipe.rank < 1 or recipe.window < 1:
        raise ValueError(f"rank {recipe.rank}, window {recipe.window}: expected at least 1")


def _notes(
    kind: AdapterKind,
    base: BaseRecord,
    recipe: AdapterRecipe,
    rules: RecipePolicy,
    device: Device,
) -> tuple[str, ...]:
    found = []
    if device == "processor" and rules.quantise:
        found.append(
            "quantisation: none in place of nf4, and optimizer "
            f"{rules.processor_optimizer} in place of {rules.gpu_optimizer}: there is no GPU here"
        )
    if not rules.quantise:
        found.append(f"quantisation: none: {base.name} has {base.parameters:,} parameters")
    if recipe.window < kind.window:
        found.append(f"window: {recipe.window} in place of {kind.window}: {base.base_id}'s")
    if recipe.rank != kind.rank:
        found.append(f"rank: {recipe.rank} in place of {kind.rank}")
    return tuple(found)
