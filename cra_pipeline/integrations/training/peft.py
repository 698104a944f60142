"""Plain PEFT behind ``ports.Trainer``: on any machine; quantised where there is a GPU."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
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
from cra_pipeline.integrations.training.run import one_thread, run


class PeftTrainer:
    """A ``ports.Trainer``."""

    name: TrainerName = "peft"

    def train(
        self, job: TrainingJob, told: Callable[[TrainingEvent, int], None]
    ) -> AdapterManifest:
        """Train, or go on.

        Raises:
            TrainingError: As the port says; also where the recipe quantises and this machine has
                no GPU or no bitsandbytes.
            StoreError: As the port says.
        """
        require_machine(job.recipe)
        with nullcontext() if on_gpu() else one_thread():
            return run(PeftBench(), self.name, job, told)


def require_machine(recipe: AdapterRecipe) -> None:
    """Refuse a quantised recipe where nothing can quantise.

    Raises:
        TrainingError: As said.
    """
    if recipe.quantisation == "none":
        return
    if not on_gpu():
        raise TrainingError(
            f"{recipe.adapter_kind} {recipe.round}: the recipe quantises to {recipe.quantisation}, "
            "this machine has no GPU: resolve the recipe for a processor, which says `none`"
        )
    if find_spec("bitsandbytes") is None:
        raise TrainingError(
            "bitsandbytes is not installed: uv pip install bitsandbytes==0.50.2, or resolve the "
            "recipe without quantisation"
        )


def on_gpu() -> bool:
    """Whether torch sees a GPU."""
    import torch

    return bool(torch.cuda.is_available())


class PeftBench:
    """Models by transformers, adapters by PEFT."""

    def load(self, recipe: AdapterRecipe, base: Path, start: Path | None) -> tuple[Any, Any]:
        """As ``Bench`` says."""
        from peft import LoraConfig, get_peft_model
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]  # the library's
        try:
            model = AutoModelForCausalLM.from_pretrained(
                base, local_files_only=True, **_loading(recipe)
            )
            tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise TrainingError(
                f"{base}: the base cannot be read ({error}): import it again"
            ) from error
        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=list(recipe.targets),
            task_type="CAUSAL_LM",
        )
        adapted = get_peft_model(model, config)
        if start is not None:
            take_weights(adapted, start)
        return adapted, tokenizer

    def settings(self, recipe: AdapterRecipe) -> dict[str, Any]:
        """As ``Bench`` says."""
        gpu = on_gpu()
        return {
            "use_cpu": not gpu,
            "bf16": recipe.precision == "bfloat16",
            "gradient_checkpointing": gpu,
            "gradient_checkpointing_kwargs": {"use_reentrant": False} if gpu else None,
            "dataloader_pin_memory": gpu,
        }


def _loading(recipe: AdapterRecipe) -> dict[str, Any]:
    import torch

    precision = {"bfloat16": torch.bfloat16, "float32": torch.float32}[recipe.precision]
    if recipe.quantisation == "none":
        return {"dtype": precision}
    from transformers import BitsAndBytesConfig

    quantised = BitsAndBytesConfig(  # type: ignore[no-untyped-call]  # the library's
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=precision,
    )
    return {"dtype": precision, "quantization_config": quantised, "device_map": {"": 0}}


def take_weights(model: Any, start: Path) -> None:  # noqa: ANN401  # the library's own object
    """Fill a fresh adapter with another one's weights.

    Raises:
        TrainingError: They are not of its shape.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    weights = load_file(start / "adapter_model.safetensors")
    found: Any = set_peft_model_state_dict(model, weights)
    if found.unexpected_keys:
        raise TrainingError(f"{start}: weights that the adapter has no place for: {found}")
