"""A tiny base and two adapters that answer otherwise, each random but always the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.training.tiny_base import make_tiny_base

SYSTEM, PROMPT = "Judge one question.", "Does whoever does the task have to see till.py?"
WINDOW = 512


def tiny_base(folder: Path) -> Path:
    """The base's folder; from here on torch keeps to one thread, as the server does."""
    import torch

    torch.set_num_threads(1)
    make_tiny_base(
        [SYSTEM, PROMPT, "yes no\n" * 20, "def total(prices): return sum(prices)"], folder
    )
    return folder


def random_adapter(base: Path, folder: Path, seed: int) -> Path:
    """A LoRA whose second matrix is not zero, as a trained one's."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=["q_proj", "v_proj", "gate_proj", "down_proj"],
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    get_peft_model(model, config).save_pretrained(str(folder))
    return folder


@cache
def reference(base: Path, adapter: Path | None) -> Any:  # noqa: ANN401  # no types in transformers
    """The model as transformers and PEFT load it, alone."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return (model if adapter is None else PeftModel.from_pretrained(model, adapter)).eval()


def generated(
    base: Path, adapter: Path | None, prompt: tuple[int, ...], most: int
) -> tuple[int, ...]:
    """Tokens of ``generate`` of transformers itself, the ending one included."""
    import torch

    model = reference(base, adapter)
    ids = torch.tensor([prompt])
    told = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=most,
        do_sample=False,
    )
    return tuple(told[0][len(prompt) :].tolist())


def prompt_ids(base: Path, system: str = SYSTEM, prompt: str = PROMPT) -> tuple[int, ...]:
    """What a server has to hand to the model."""
    return HuggingFaceChat(base).prompt_ids(system, prompt)
