"""A Qwen3-shaped base of a few hundred kilobytes, made on the spot: for demo and tests.

It has learnt nothing; an adapter on it learns a lexical cue in some eighty steps. Its head
dimension is one that the big model servers have kernels for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenizers import Tokenizer

from cra_pipeline.integrations.chat.tiny import END, PAD, VOCABULARY, train_tiny


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyShape:
    """Size and first weights of the tiny base.

    Attributes:
        vocabulary: Most tokens; fewer texts give fewer.
        hidden: Width.
        layers: Blocks.
        intermediate: Width of the feed-forward layers.
        heads: Of the queries.
        key_value_heads: Of keys and values.
        head_dim: 32 is the least that vLLM has kernels for.
        window: Most tokens of a conversation.
        linear_std: Of the first weights. With the library's 0.02 no adapter gets below a loss of
            5.9, as its low-rank changes are all that there is to learn with.
        embedding_gain: The embeddings are larger by it, so that tokens can be told apart.
        seed: Draws the weights.
    """

    vocabulary: int = VOCABULARY
    hidden: int = 64
    layers: int = 2
    intermediate: int = 192
    heads: int = 4
    key_value_heads: int = 2
    head_dim: int = 32
    window: int = 16384
    linear_std: float = 0.1
    embedding_gain: float = 3.0
    seed: int = 0


def make_tiny_base(texts: Iterable[str], folder: Path, shape: TinyShape | None = None) -> None:
    """Write a model folder as published ones are: tokenizer, template, configuration, weights.

    Equal texts in equal order, and an equal shape, give equal files.

    Args:
        texts: What the tokenizer learns from.
        folder: Made where it is missing.
        shape: Another one than the default.
    """
    wanted = shape or TinyShape()
    train_tiny(texts, folder, vocabulary=wanted.vocabulary)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    known = tokenizer.get_vocab()
    _write_weights(folder, wanted, len(known), end=known[END], pad=known[PAD])
    _write_note(folder, wanted)


def _write_weights(folder: Path, shape: TinyShape, vocabulary: int, *, end: int, pad: int) -> None:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM
    from transformers.utils.logging import disable_progress_bar

    # A bar of the library's would stand among the terminal's own lines.
    disable_progress_bar()  # type: ignore[no-untyped-call]  # the library's
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        intermediate_size=shape.intermediate,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=shape.window,
        tie_word_embeddings=True,
        initializer_range=shape.linear_std,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(shape.seed)
        model = Qwen3ForCausalLM(config)  # type: ignore[no-untyped-call]  # the library's
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(shape.embedding_gain)
    model.save_pretrained(folder)


def _write_note(folder: Path, shape: TinyShape) -> None:
    text = json.dumps({"made": "tiny base", **asdict(shape)}, indent=1, sort_keys=True)
    (folder / "tiny.json").write_text(text + "\n", encoding="utf-8")
