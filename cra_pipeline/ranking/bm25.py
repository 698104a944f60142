"""Okapi BM25 over the files of one tree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from cra_pipeline.ranking.sources import Document

K1, B = 1.2, 0.75
"""Saturation of repeated words and weight of a file's length, the customary values."""


def bm25(files: Sequence[Document], wanted: Iterable[str]) -> list[float]:
    """Score of each file, in the order given; 0 where no wanted word stands in it.

    Args:
        files: All files of the tree: a word's weight depends on how many of them hold it.
        wanted: Words, each once.
    """
    total = sum(file.length for file in files)
    mean = total / len(files) if total else 1.0
    scores = [0.0] * len(files)
    for word in wanted:
        held = [(at, file.counts[word]) for at, file in enumerate(files) if word in file.counts]
        weight = math.log(1 + (len(files) - len(held) + 0.5) / (len(held) + 0.5))
        for at, times in held:
            norm = K1 * (1 - B + B * files[at].length / mean)
            scores[at] += weight * times * (K1 + 1) / (times + norm)
    return scores


def rarest(files: Sequence[Document], wanted: Iterable[str]) -> tuple[str, ...]:
    """Wanted words that some file holds, those in the fewest files first."""
    spread = {word: sum(word in file.counts for file in files) for word in wanted}
    return tuple(sorted((word for word in spread if spread[word]), key=lambda w: (spread[w], w)))
