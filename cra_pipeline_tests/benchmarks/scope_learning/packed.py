"""Packed rows and the numbers of a run; needs numpy and nothing else of this project."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SPLITS = ("train", "val", "test", "unseen")
TOUCHED, HARD, ANY = (0,), (1, 2), (3, 4)
"""Kinds by number, as ``pack`` writes them."""

CANDIDATES = 4
"""Kinds below this number make the candidate list."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Recipe:
    """Every number of a run.

    Attributes:
        rank: Of the adapter; alpha is twice as large.
        lr: Highest learning rate.
        epochs: How often each training commit is seen; a share for less.
        listwise: Weight of the listwise loss beside the cross-entropy.
        hard: Near and alike files a commit, drawn anew each epoch.
        drawn: Other files a commit.
        ranks: Whether prompts tell the ranks.
        tokens: In a step, at most.
        seed: Of draws and weights.
    """

    rank: int = 64
    lr: float = 1e-3
    epochs: float = 4
    listwise: float = 1.0
    hard: int = 6
    drawn: int = 6
    ranks: bool = True
    tokens: int = 32768
    seed: int = 0


class Rows:
    """Packed rows; positions are those of the packed file."""

    def __init__(self, path: Path, *, ranks: bool) -> None:
        held = np.load(path)
        self.tokens, self.lengths = held["tokens"], held["lengths"].astype(np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.lists, self.touched = held["lists"], held["touched"]
        self.kind, self.split = held["kind"], held["split"]
        if not ranks:
            self._drop(held["cuts"])

    def _drop(self, cuts: Array) -> None:
        """Without the line that tells the ranks."""
        place = np.arange(len(self.tokens)) - np.repeat(self.starts, self.lengths)
        first, last = (np.repeat(cuts[:, side], self.lengths) for side in (0, 1))
        kept = (place < first) | (place >= last)
        self.tokens = self.tokens[kept]
        self.lengths = self.lengths - (cuts[:, 1] - cuts[:, 0])
        self.starts = np.cumsum(self.lengths) - self.lengths

    def where(self, split: str, *, candidates: bool) -> Array:
        """Rows of a split."""
        held = self.split == SPLITS.index(split)
        return np.flatnonzero(held & (self.kind < CANDIDATES) if candidates else held)

    def epoch(self, lists: Array, recipe: Recipe, draw: np.random.Generator) -> Iterator[Array]:
        """Steps of one epoch: whole commits, in a new order, with negatives drawn anew."""
        step: list[Array] = []
        size = 0
        for one in draw.permutation(lists):
            rows = self._drawn(self.of_list[one], recipe, draw)
            need = int(self.lengths[rows].sum()) + len(rows)
            if step and size + need > recipe.tokens:
                yield np.concatenate(step)
                step, size = [], 0
            step.append(rows)
            size += need
        yield np.concatenate(step)

    def group(self, rows: Array) -> None:
        """Prepare ``epoch`` for lists among these rows."""
        order = rows[np.argsort(self.lists[rows], kind="stable")]
        names, first = np.unique(self.lists[order], return_index=True)
        self.of_list = dict(zip(names.tolist(), np.split(order, first[1:]), strict=True))

    def _drawn(self, rows: Array, recipe: Recipe, draw: np.random.Generator) -> Array:
        kind = self.kind[rows]
        parts = [rows[np.isin(kind, TOUCHED)]]
        for kinds, most in ((HARD, recipe.hard), (ANY, recipe.drawn)):
            found = rows[np.isin(kind, kinds)]
            parts.append(draw.permutation(found)[:most])
        return np.concatenate(parts)
