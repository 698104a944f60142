"""Unsloth behind ``ports.Trainer``: the same recipe and phases, with its kernels, on a GPU.

It must be imported before TRL, transformers and PEFT, as it changes them; a process that has
imported one of them already is refused by ``require_first``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cra_pipeline.contracts.adapters import (
    AdapterManifest,
    AdapterRecipe,
    TrainerName,
    TrainingEvent,
    TrainingJob,
)
from cra_pipeline.errors import TrainingError
from cra_pipeline.integrations.training.peft import on_gpu, take_weights
from cra_pipeline.integrations.training.run import run

INSTALL = "uv pip install unsloth==2026.10.7 unsloth-zoo==2026.10.7 bitsandbytes==0.50.2"
"""The newest that resolve beside the pinned training libraries."""


class UnslothTrainer:
    """A ``ports.Trainer``."""

    name: TrainerName = "unsloth"

    def train(
        self, job: TrainingJob, told: Callable[[TrainingEvent, int], None]
    ) -> AdapterManifest:
        """Train, or go on.

        Raises:
            TrainingError: As the port says; also where there is no GPU or no Unsloth.
            StoreError: As the port says.
        """
        require_unsloth()
        # It writes the code that it makes into the current folder unless it is told where to.
        os.environ["UNSLOTH_COMPILE_LOCATION"] = str(job.folder / "unsloth_compiled_cache")
        os.environ["UNSLOTH_DISABLE_STATISTICS"] = "1"
        return run(UnslothBench(), self.name, job, told)


def require_unsloth() -> None:
    """Refuse where Unsloth cannot work, and say what mends it.

    Raises:
        TrainingError: As said.
    """
    if find_spec("unsloth") is None:
        raise TrainingError(
            f"unsloth is not installed: {INSTALL}; or choose the trainer peft, which trains the "
            "same recipe more slowly"
        )
    if not on_gpu():
        raise TrainingError(
            "unsloth needs a GPU, and torch sees none here: choose the trainer peft, or train "
            "where nvidia-smi lists a device"
        )
    require_first(sys.modules)


def require_first(loaded: dict[str, Any]) -> None:
    """Refuse where TRL was imported without Unsloth's changes.

    Args:
        loaded: Modules by name, as ``sys.modules`` has them.

    Raises:
        TrainingError: As said; ends of turns would be trained wrongly.
    """
    if "trl" in loaded and "unsloth" not in loaded:
        raise TrainingError(
            "trl was imported before unsloth, which then trains another end of turn: train in a "
            "process of its own"
        )


class UnslothBench:
    """Models and adapters by Unsloth."""

    checkpointing: str | bool = "unsloth"
    """How activations are recomputed: its own way keeps some of them in the host's memory."""

    def load(self, recipe: AdapterRecipe, base: Path, start: Path | None) -> tuple[Any, Any]:
        """As ``Bench`` says."""
        from unsloth import FastLanguageModel  # isort: skip  # before all that it changes
        import torch
        from safetensors import SafetensorError

        precision = {"bfloat16": torch.bfloat16, "float32": torch.float32}[recipe.precision]
        try:
            model, tokenizer = FastLanguageModel.from_pretrained(
                model_name=str(base),
                max_seq_length=recipe.window,
                load_in_4bit=recipe.quantisation == "nf4",
                dtype=precision,
                local_files_only=True,
                use_gradient_checkpointing=self.checkpointing,
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise TrainingError(
                f"{base}: the base cannot be read ({error}): import it again"
            ) from error
        adapted = FastLanguageModel.get_peft_model(
            model,
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            bias="none",
            target_modules=list(recipe.targets),
            use_gradient_checkpointing=self.checkpointing,
            random_state=recipe.seed,
            max_seq_length=recipe.window,
        )
        if start is not None:
            take_weights(adapted, start)
        return adapted, tokenizer

    def settings(self, recipe: AdapterRecipe) -> dict[str, Any]:
        """As ``Bench`` says."""
        return {"bf16": recipe.precision == "bfloat16", "dataloader_pin_memory": True}
