"""The judge of the scope benchmark learns, and its adapter is one that anybody can load."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cra_pipeline_tests.benchmarks.scope_learning.packed import Recipe, Rows

YES, NO, CUE, FIRST = 3, 4, 7, 8


def base(folder: Path) -> Path:
    """A tiny model with two words that are asked for."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    made = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # has no types
    made.save_pretrained(folder)
    vocabulary = {"model": {"vocab": {"yes": YES, "no": NO}}}
    (folder / "tokenizer.json").write_text(json.dumps(vocabulary))
    return folder


def packed(path: Path) -> Path:
    """Lists of six files; the touched one holds the cue, and each row ends with its ranks."""
    draw = np.random.default_rng(0)
    count = 240
    touched = np.arange(count) % 6 == 0
    lengths = draw.integers(6, 14, count)
    rows = [draw.integers(FIRST, 32, length) for length in lengths]
    for row, right in zip(rows, touched, strict=True):
        row[2] = CUE if right else FIRST
    np.savez(
        path,
        tokens=np.concatenate(rows).astype(np.uint16),
        lengths=lengths.astype(np.int32),
        cuts=np.stack([lengths - 3, lengths - 1], axis=1).astype(np.int16),
        lists=(np.arange(count) // 6).astype(np.int32),
        touched=touched,
        kind=np.where(touched, 0, 1 + np.arange(count) % 3).astype(np.uint8),
        split=(np.arange(count) >= 180).astype(np.uint8),
    )
    return path


def test_rows_without_ranks_lack_just_that_line(tmp_path: Path) -> None:
    path = packed(tmp_path / "rows.npz")
    whole, bare = Rows(path, ranks=True), Rows(path, ranks=False)
    start, other = whole.starts[9], bare.starts[9]
    row = whole.tokens[start : start + whole.lengths[9]].tolist()

    assert bare.tokens[other : other + bare.lengths[9]].tolist() == [*row[:-3], row[-1]]


def test_an_epoch_holds_every_commit_once_and_no_more_than_a_steps_tokens(tmp_path: Path) -> None:
    rows = Rows(packed(tmp_path / "rows.npz"), ranks=True)
    rows.group(rows.where("train", candidates=False))
    recipe = Recipe(hard=2, drawn=1, tokens=150)
    steps = list(rows.epoch(np.array(sorted(rows.of_list)), recipe, np.random.default_rng(0)))
    seen = np.concatenate(steps)

    assert sorted(rows.lists[seen][rows.touched[seen]].tolist()) == list(range(30))
    assert all((rows.lengths[step] + 1).sum() <= 150 for step in steps)
    assert len(seen) == len(set(seen.tolist())) <= 30 * 4


@pytest.mark.real
def test_a_learned_adapter_reads_the_same_in_plain_peft(tmp_path: Path) -> None:
    """Imports torch, transformers and peft for one benchmark: too slow for every run."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from cra_pipeline_tests.benchmarks.scope_learning.judge import Judge
    from cra_pipeline_tests.benchmarks.scope_learning.train import Limits, checked, train

    folder = base(tmp_path / "base")
    rows = Rows(packed(tmp_path / "rows.npz"), ranks=True)
    recipe = Recipe(rank=8, lr=2e-2, epochs=12, tokens=400)
    judge = Judge(folder, recipe)
    at = rows.where("val", candidates=True)
    before = judge.scores(rows, at, 300)
    curve = train(rows, judge, recipe, checked(rows, some=5), Limits(1e9))
    judge.save(tmp_path / "adapter")
    after = judge.scores(rows, at, 300)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    plain = PeftModel.from_pretrained(model, tmp_path / "adapter")

    def margin(row: int) -> float:
        start = rows.starts[row]
        ids = torch.tensor(rows.tokens[start : start + rows.lengths[row]].astype(np.int64))[None]
        with torch.no_grad():
            last = plain(input_ids=ids).logits[0, -1]
        return float(last[YES] - last[NO])

    told = np.array([margin(int(row)) for row in at[:30]])
    right, wrong = (after[rows.touched[at] == answer] for answer in (True, False))

    assert curve[-1]["map"] > 0.95
    assert right.min() > wrong.max()
    assert np.abs(before).max() < np.abs(after).max()
    assert np.abs(told - after[:30]).max() < 0.05 * np.abs(told).max()
