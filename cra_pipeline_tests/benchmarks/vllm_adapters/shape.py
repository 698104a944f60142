"""A base and adapters of Qwen3-4B's real size with random weights: speed is real, text is not.

    python -m cra_pipeline_tests.benchmarks.vllm_adapters.shape FOLDER

writes ``FOLDER/base`` and ``FOLDER/r32/a0 … a7`` (and r8), on a GPU. Needs torch, transformers and
safetensors, nothing of this project.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

VOCABULARY = 1000
"""Token ids that prompts may hold."""
ADAPTERS = tuple(f"a{number}" for number in range(8))
RANKS = (32, 8)
HIDDEN, HEADS, KEY_HEADS, HEAD, INNER, LAYERS = 2560, 32, 8, 128, 9728, 36
PROJECTIONS = {
    "self_attn.q_proj": (HIDDEN, HEADS * HEAD),
    "self_attn.k_proj": (HIDDEN, KEY_HEADS * HEAD),
    "self_attn.v_proj": (HIDDEN, KEY_HEADS * HEAD),
    "self_attn.o_proj": (HEADS * HEAD, HIDDEN),
    "mlp.gate_proj": (HIDDEN, INNER),
    "mlp.up_proj": (HIDDEN, INNER),
    "mlp.down_proj": (INNER, HIDDEN),
}
"""Inputs and outputs of each projection of a layer."""


def make_base(folder: Path) -> None:
    """Write the base, and a tokenizer whose words are numbers."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    words = {f"t{number}": number for number in range(151936)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="t0"))  # noqa: S106  # a word, no secret
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # untyped there
        tokenizer_object=tokenizer, unk_token="t0", eos_token="t1", pad_token="t2",  # noqa: S106
    )  # fmt: skip
    config = Qwen3Config(
        vocab_size=151936, max_position_embeddings=40960, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        hidden_size=HIDDEN, intermediate_size=INNER, num_hidden_layers=LAYERS, head_dim=HEAD,
        num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = Qwen3ForCausalLM(config)  # type: ignore[no-untyped-call]  # untyped there
    model.save_pretrained(folder)
    fast.save_pretrained(folder)


def make_adapter(folder: Path, rank: int, seed: int) -> None:
    """Write one adapter in PEFT's layout, with an effect that shows in greedy answers."""
    import torch
    from safetensors.torch import save_file

    draw = torch.Generator(device="cuda").manual_seed(seed)
    tensors: dict[str, Any] = {}
    for layer in range(LAYERS):
        for name, (inputs, outputs) in PROJECTIONS.items():
            stem = f"base_model.model.model.layers.{layer}.{name}"
            for part, shape, spread in (
                ("A", (rank, inputs), inputs**-0.5),
                ("B", (outputs, rank), 0.02),
            ):
                values = torch.randn(shape, generator=draw, device="cuda") * spread
                tensors[f"{stem}.lora_{part}.weight"] = values.to(torch.bfloat16).cpu()
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank,
        "lora_dropout": 0.0, "bias": "none", "use_dora": False, "modules_to_save": None,
        "target_modules": sorted(name.partition(".")[2] for name in PROJECTIONS),
        "base_model_name_or_path": "base", "inference_mode": True,
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))


def main(folder: Path) -> None:
    """Write everything."""
    make_base(folder / "base")
    for rank in RANKS:
        for number, name in enumerate(ADAPTERS):
            make_adapter(folder / f"r{rank}" / name, rank, 100 * rank + number)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
