"""Second step: the rows as tokens, in one file that a machine without this project can read.

Run: ``python -m cra_pipeline_tests.benchmarks.scope_learning.pack BASE``, the folder of the base
model. Each row is the conversation that ``sft.jsonl`` would hold (system, question, yes or no), up
to where the model answers, rendered by the base's own chat template.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.ranking.prompts import QUESTION, SYSTEM
from cra_pipeline_tests.benchmarks.scope_learning.corpus import HELD_OUT, TRAINING, home

KINDS = ("touched", "near", "alike", "drawn", "further", "other")
SPLITS = ("train", "val", "test", "unseen")
_COLUMNS = ["repo", "sha", "split", "touched", "kind", "prompt"]
_HOLE = "HOLE"
_CHUNK = 20_000


def rows(columns: Sequence[str]) -> pa.Table:
    """Columns of all repositories' rows that have a prompt, in the order of ``corpus``."""
    wanted = [*columns, *({"prompt"} - set(columns))]
    tables = [
        pq.read_table(home() / f"rows-{name}.parquet", columns=wanted)
        for name in (*TRAINING, *HELD_OUT)
    ]
    table = pa.concat_tables(tables)
    told = pa.compute.not_equal(table["prompt"], "")
    return table.filter(told)


def pack(base: Path) -> Path:
    """Write ``packed.npz``: tokens end to end, where each row starts, and what a row is."""
    table = rows(_COLUMNS)
    tokens, lengths, cuts = _tokens(base, table["prompt"].to_pylist())
    lists = table["sha"].dictionary_encode().combine_chunks().indices.to_numpy()
    # Two repositories may hold a commit of one name only if they share history; none do here.
    target = home() / "packed.npz"
    np.savez_compressed(
        target,
        tokens=tokens,
        lengths=lengths,
        cuts=cuts,
        lists=lists.astype(np.int32),
        touched=table["touched"].combine_chunks().to_numpy(zero_copy_only=False),
        kind=np.array([KINDS.index(kind) for kind in table["kind"].to_pylist()], np.uint8),
        split=np.array([SPLITS.index(split) for split in table["split"].to_pylist()], np.uint8),
    )
    return target


def _tokens(base: Path, prompts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens, tokens of each row, and first and last token of the line that tells the ranks."""
    opened = HuggingFaceChat(base).render(SYSTEM, _HOLE, "no").prompt_text
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    pieces, lengths, cuts = [], [], []
    for start in range(0, len(prompts), _CHUNK):
        texts = [opened.replace(_HOLE, prompt) for prompt in prompts[start : start + _CHUNK]]
        for text, found in zip(
            texts, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True
        ):
            pieces.append(np.array(found.ids, np.uint16))
            lengths.append(len(found.ids))
            end = text.rindex("\n" + QUESTION)
            edges = (text.rindex("\nRanks of ", 0, end), end)
            cuts.append([found.char_to_token(edge) for edge in edges])
    return np.concatenate(pieces), np.array(lengths, np.int32), np.array(cuts, np.int16)


if __name__ == "__main__":
    print(pack(Path(sys.argv[1])))
