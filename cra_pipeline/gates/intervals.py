"""Intervals of 95 %: a bootstrap that draws whole tasks, and Wilson's for shares.

Calls of one task resemble each other, so that tasks are drawn and never calls.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cra_pipeline.contracts.gates import Estimate
from cra_pipeline.gates.metrics import Sums

_TAILS = (2.5, 97.5)
_LEAST_DEFINED = 0.95
"""Share of the draws in which a figure must exist, or its interval would be of other draws."""


def resampled(arms: Mapping[str, Sums], *, draws: int, seed: int) -> dict[str, Sums]:
    """Sums over tasks drawn with replacement, the same tasks for every arm.

    Tasks with equal rows in all arms are drawn together, by the multinomial law that this is: equal
    in distribution, and as quick as the table has different rows. Neither the order of the tasks
    nor their names matter.

    Args:
        arms: By arm, one row per task; at least one task.
        draws: Rows of the answer.
        seed: Equal seeds and rows give equal draws.
    """
    names = sorted(arms)
    width = arms[names[0]].shape[1]
    joined = np.concatenate([arms[name] for name in names], axis=1)
    rows, counts = np.unique(joined, axis=0, return_counts=True)
    tasks = len(joined)
    weights = np.random.default_rng(seed).multinomial(tasks, counts / tasks, size=draws)
    sums = weights.astype(np.float64) @ rows
    return {name: sums[:, at * width : (at + 1) * width] for at, name in enumerate(names)}


def percentile(value: float, drawn: Sums, *, tasks: int, seed: int) -> Estimate | None:
    """Value with the percentiles of its draws; None where it, or too many draws, do not exist."""
    found = drawn[~np.isnan(drawn)]
    if np.isnan(value) or len(found) < _LEAST_DEFINED * len(drawn):
        return None
    low, high = np.percentile(found, _TAILS)
    return Estimate(
        value=rounded(value),
        low=rounded(low),
        high=rounded(high),
        clusters=tasks,
        method=f"bootstrap by task, {len(drawn):,} draws, seed {seed}",
    )


def wilson(hits: int, of: int) -> Estimate:
    """A share of tasks that each count once.

    Raises:
        ValueError: There are no tasks, or more hits than tasks.
    """
    from scipy.stats import binomtest

    low, high = binomtest(hits, of).proportion_ci(method="wilson")
    return Estimate(
        value=rounded(hits / of),
        low=rounded(low),
        high=rounded(high),
        clusters=of,
        method="Wilson",
    )


def rounded(value: float) -> float:
    """Twelve digits: sums of floats differ in their last ones between processors."""
    return round(float(value), 12) + 0.0
