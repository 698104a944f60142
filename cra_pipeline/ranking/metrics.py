"""How good a ranking or a yes/no is, with intervals by drawing whole lists again.

Lists are commits: files of one commit are no independent evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

NAMES = ("AUC", "MAP", "recall@3", "precision", "recall", "F1")
"""What is measured, in the order of tables."""

_TOP = 3


@dataclass(frozen=True, slots=True)
class BootstrapPolicy:
    """How intervals are drawn.

    Attributes:
        draws: Of all lists, with replacement.
        seed: The same draws for every method: differences are paired.
        level: Share of the draws inside an interval.
    """

    draws: int = 1000
    seed: int = 1
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric.

    Attributes:
        value: On the lists as they are.
        drawn: On each draw of lists.
    """

    value: float
    drawn: Array

    def interval(self, level: float) -> tuple[float, float]:
        """Lower and upper bound."""
        rest = 50 * (1 - level)
        low, high = np.percentile(self.drawn, [rest, 100 - rest])
        return float(low), float(high)

    def less(self, other: Measured) -> Measured:
        """The paired difference to another method on the same lists."""
        return Measured(self.value - other.value, self.drawn - other.drawn)


class Lists:
    """Which row belongs to which list, and what is right; every list has a right row."""

    def __init__(self, lists: Array, touched: Array) -> None:
        """Take rows in any order.

        Args:
            lists: A number for each row's list.
            touched: Whether the row is right.

        Raises:
            ValueError: A list has no right row: nothing can be recalled of it.
        """
        self._list = np.unique(lists, return_inverse=True)[1]
        self._touched = touched.astype(bool)
        self.count = int(self._list.max(initial=-1)) + 1
        self._right = np.bincount(self._list, self._touched, self.count)
        if not self._right.all():
            raise ValueError(f"{int((self._right == 0).sum())} lists without a right row")

    def measure(
        self, scores: Array, threshold: float, policy: BootstrapPolicy
    ) -> dict[str, Measured]:
        """Every metric of one method; ties get what a random order among them gives on average.

        Args:
            scores: By row; the greater, the more likely.
            threshold: From which score on the answer is yes.
            policy: Of the intervals.
        """
        draw = np.random.default_rng(policy.seed)
        even = np.full(self.count, 1 / self.count)
        weights = draw.multinomial(self.count, even, policy.draws).astype(float)
        every = np.vstack([np.ones(self.count), weights])
        found = [*self._ranked(scores, every), *self._answered(scores >= threshold, every)]
        found.insert(0, self._auc(scores, every))
        return {
            name: Measured(float(values[0]), values[1:])
            for name, values in zip(NAMES, found, strict=True)
        }

    def _auc(self, scores: Array, every: Array) -> Array:
        """Share of pairs of a right and a wrong row, of any lists, that stand in right order."""
        place = np.unique(scores, return_inverse=True)[1]
        found = np.zeros(len(every))
        for at, weights in enumerate(every):
            row = weights[self._list]
            right = np.bincount(place, row * self._touched)
            wrong = np.bincount(place, row * ~self._touched)
            below = np.cumsum(wrong) - wrong / 2
            found[at] = (right * below).sum() / max(right.sum() * wrong.sum(), 1e-9)
        return found

    def _ranked(self, scores: Array, every: Array) -> tuple[Array, Array]:
        precision, recall = self.by_list(scores)
        total = every.sum(axis=1)
        return every @ precision / total, every @ recall / total

    def by_list(self, scores: Array) -> tuple[Array, Array]:
        """Average precision and recall among the first three, of each list.

        Both are expected values over the orders of rows with equal scores.
        """
        order = np.lexsort((-scores, self._list))
        lists, right, ranked = self._list[order], self._touched[order], scores[order]
        new = np.r_[True, (np.diff(lists) != 0) | (np.diff(ranked) != 0)]
        tie = np.cumsum(new) - 1
        first = np.flatnonzero(np.r_[True, np.diff(lists) != 0])
        start = np.flatnonzero(new)
        size = np.bincount(tie)
        hits = np.bincount(tie, right)
        owner = lists[start]
        before_rows = start - first[owner]
        before_hits = np.cumsum(hits) - hits
        before_hits = before_hits - before_hits[tie[first]][owner]
        precision = _tied_precision(before_rows, before_hits, size, hits)
        seen = np.clip(_TOP - before_rows, 0, size) / size * hits
        return (
            np.bincount(owner, precision, self.count) / self._right,
            np.bincount(owner, seen, self.count) / self._right,
        )

    def _answered(self, yes: Array, every: Array) -> tuple[Array, Array, Array]:
        hits = every @ np.bincount(self._list, yes & self._touched, self.count)
        said = every @ np.bincount(self._list, yes, self.count)
        right = every @ self._right
        precision = hits / np.maximum(said, 1)
        recall = hits / np.maximum(right, 1)
        return precision, recall, 2 * hits / np.maximum(said + right, 1)


def _tied_precision(rows: Array, found: Array, size: Array, hits: Array) -> Array:
    """Sum of the precisions at each right row of a group of ties, expected over its orders.

    At the i-th place of the group a right row stands with probability hits / size, and the rows
    before it in the group hold (i - 1) (hits - 1) / (size - 1) right ones.
    """
    total = np.zeros(len(size))
    for place in range(1, int(size.max(initial=0)) + 1):
        held = (size >= place) & (hits > 0)
        others = (place - 1) * (hits[held] - 1) / np.maximum(size[held] - 1, 1)
        share = (found[held] + 1 + others) / (rows[held] + place)
        total[held] += hits[held] / size[held] * share
    return total


def best_threshold(scores: Array, touched: Array) -> float:
    """Threshold with the highest F1: the score of a row, from which on the answer is yes."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(touched[order])
    quality = 2 * hits / (np.arange(len(order)) + 1 + touched.sum())
    # Rows of one score are answered alike.
    quality[:-1][np.diff(ranked) == 0] = 0
    return float(ranked[int(quality.argmax())])
