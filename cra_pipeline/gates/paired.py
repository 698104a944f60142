"""One arm less another on the same tasks: estimate, interval, test, and which tasks moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cra_pipeline.contracts.gates import Arm, Estimate, PairedChange
from cra_pipeline.gates.intervals import percentile, resampled, rounded, wilson
from cra_pipeline.gates.metrics import COLUMN, METRICS, OF_OUTCOMES, Sums, column
from cra_pipeline.gates.tallies import Tallies


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Tallies with their draws, from which every figure is read.

    Attributes:
        tallies: At least one task.
        drawn: By arm, sums of each draw.
        seed: Of the draws.
    """

    tallies: Tallies
    drawn: Mapping[str, Sums]
    seed: int

    def figure(self, arm: str, metric: str) -> Estimate | None:
        """One metric of one arm; None where it cannot be computed."""
        table, tasks = self.tallies.arms[arm], len(self.tallies.tasks)
        if metric in OF_OUTCOMES and _once_each(table):
            return wilson(int(column(table, "passed").sum()), tasks)
        value = float(METRICS[metric](table.sum(axis=0)))
        return percentile(value, METRICS[metric](self.drawn[arm]), tasks=tasks, seed=self.seed)

    def change(self, metric: str, against: Arm, *, of: Arm = "candidate") -> PairedChange | None:
        """``of`` less ``against``; None where either has no figure."""
        measure, arms = METRICS[metric], self.tallies.arms
        value = float(measure(arms[of].sum(axis=0)) - measure(arms[against].sum(axis=0)))
        drawn = measure(self.drawn[of]) - measure(self.drawn[against])
        estimate = percentile(value, drawn, tasks=len(self.tallies.tasks), seed=self.seed)
        if estimate is None:
            return None
        better = _by_task(metric, arms[of]) - _by_task(metric, arms[against])
        won, lost = self._where(better > 0), self._where(better < 0)
        exact = metric in OF_OUTCOMES and _once_each(arms[of]) and _once_each(arms[against])
        return PairedChange(
            metric=metric,
            against=against,
            estimate=estimate,
            p_value=rounded(mcnemar(len(won), len(lost)) if exact else _no_better(drawn)),
            test="exact McNemar" if exact else "bootstrap by task",
            won=won,
            lost=lost,
        )

    def _where(self, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(task for task, taken in zip(self.tallies.tasks, chosen, strict=True) if taken)


def measured(tallies: Tallies, *, draws: int, seed: int) -> Measured:
    """Draw the tasks of a table.

    Raises:
        ValueError: There is no task.
    """
    if not tallies.tasks:
        raise ValueError("no task was judged in every arm: there is nothing to measure")
    return Measured(
        tallies=tallies, drawn=resampled(tallies.arms, draws=draws, seed=seed), seed=seed
    )


def mcnemar(won: int, lost: int) -> float:
    """One-sided: chance of as many wins among the tasks that moved, if they fell either way."""
    from scipy.stats import binom

    return float(binom.sf(won - 1, won + lost, 0.5)) if won + lost else 1.0


def _no_better(drawn: Sums) -> float:
    found = drawn[~np.isnan(drawn)]
    # One is added above and below: no number of draws shows a chance of exactly 0.
    return float((1 + np.count_nonzero(found <= 0)) / (1 + len(found)))


def _once_each(table: Sums) -> bool:
    """Whether each task was judged by one attempt, or by several that agree."""
    passed = column(table, "passed")
    return bool(np.all(column(table, "attempts") == 1) and np.all((passed == 0) | (passed == 1)))


def _by_task(metric: str, table: Sums) -> Sums:
    """How good each task is: the metric itself, where every task has one, or a nearby share."""
    if metric in OF_OUTCOMES:
        return column(table, "passed")
    # A task without a class has no recall, but it has right and wrong answers.
    near = "accuracy" if np.any(table[:, COLUMN["asked"]]) else metric
    return np.nan_to_num(METRICS[near](table))
