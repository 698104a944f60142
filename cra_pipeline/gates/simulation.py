"""The gate's own error rates, measured on adapters whose truth is known.

Each simulated adapter is a set of rows as the harness writes them, and the decision on it is that
of ``verdict.judge``. Sizes are nested: the first tasks of a large set are those of a small one, so
that a table of sizes is one experiment and not many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cra_pipeline.contracts.gates import Arm, HoldoutAttempt
from cra_pipeline.gates.case import Case
from cra_pipeline.gates.policy import GatePolicy
from cra_pipeline.gates.verdict import judge

_BASE, _ADAPTER = "b" * 64, "a" * 64
KIND = "execute_code"
"""Judged by how attempts end: the least that a task can say, so the most tasks are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Truth of a simulation.

    Attributes:
        adapters: How many are judged at each size.
        discordance: Share of tasks on which candidate and base differ.
        base_rate: Share of tasks that the base solves.
        largest: Tasks that are drawn for each adapter.
        seed: Of the truth; the gate's own seed is its policy's.
    """

    adapters: int = 400
    discordance: float = 0.2
    base_rate: float = 0.3
    largest: int = 260
    seed: int = 20_261


@dataclass(frozen=True, slots=True)
class Rates:
    """What became of simulated adapters at one size."""

    tasks: int
    null: float
    """Share of adapters without a true gain that were promoted."""
    power: float
    """Share of adapters with the smallest effect of interest that were promoted."""


Told = Callable[[int, int, str], None]


def outcomes(world: World, gain: float) -> NDArray[np.bool_]:
    """Truth of every adapter: whether base and candidate solve each task.

    Returns:
        Array of adapters, tasks, and (base, candidate).

    Raises:
        ValueError: A gain larger than the discordance, or than what the base leaves unsolved.
    """
    won, lost = (world.discordance + gain) / 2, (world.discordance - gain) / 2
    both = world.base_rate - lost
    if min(won, lost, both, 1 - world.base_rate - won) < 0:
        raise ValueError(
            f"gain {gain}: impossible with discordance {world.discordance} and base rate "
            f"{world.base_rate}"
        )
    # The same seed for every gain: the worlds differ in their truth alone.
    drawn = np.random.default_rng(world.seed).random((world.adapters, world.largest))
    base = drawn < both + lost
    candidate = (drawn < both) | ((drawn >= both + lost) & (drawn < both + lost + won))
    return np.stack([base, candidate], axis=-1)


def case_of(solved: NDArray[np.bool_]) -> Case:
    """Rows of one adapter; every other task comes from a held-out repository.

    Args:
        solved: One row per task: whether base and candidate solve it.
    """
    return Case(
        adapter_kind=KIND,
        round="r01",
        base_digest=_BASE,
        adapter_digest=_ADAPTER,
        attempts=[
            _attempt(number, arm, passed=bool(row[place]))
            for number, row in enumerate(solved)
            for place, arm in enumerate[Arm](("base", "candidate"))
        ],
    )


@cache
def _attempt(number: int, arm: Arm, *, passed: bool) -> HoldoutAttempt:
    reason: Literal["held_out_repository", "after_cut_off"] = (
        "held_out_repository" if number % 2 else "after_cut_off"
    )
    return HoldoutAttempt(
        adapter_kind=KIND,
        round="r01",
        arm=arm,
        model=_BASE if arm == "base" else f"{_BASE}+{_ADAPTER}",
        served_as="float32",
        task_id=f"task-{number:04d}",
        repo=f"repo-{number % 2}",
        reason=reason,
        seed=0,
        temperature=0.0,
        attempt_id=f"{arm}-{number:04d}",
        outcome="passed" if passed else "failed",
        detail="",
        calls=1,
        latency_ms=0.0,
    )


def promoted(truth: NDArray[np.bool_], tasks: int, policy: GatePolicy) -> float:
    """Share of the adapters that the gate passes, each judged on its first tasks."""
    allowed = replace(policy, least_tasks=min(tasks, policy.least_tasks))
    passed = sum(judge(case_of(one[:tasks]), allowed).decision == "passed" for one in truth)
    return passed / len(truth)


def rates(world: World, policy: GatePolicy, sizes: Iterable[int], told: Told) -> Iterator[Rates]:
    """Error rates at each size, in the order given.

    Args:
        world: The truth.
        policy: Of the gate; its own least size is lifted where a smaller one is tried.
        sizes: Tasks.
        told: Called with the number of adapters judged, of all, and what they were.
    """
    tried = tuple(sizes)
    null, real = outcomes(world, 0.0), outcomes(world, policy.smallest_effect)
    for number, tasks in enumerate(tried, 1):
        yield Rates(tasks, promoted(null, tasks, policy), promoted(real, tasks, policy))
        told(number, len(tried), f"{tasks} tasks")


def smallest_size(found: Iterable[Rates], *, null: float = 0.05, power: float = 0.8) -> int | None:
    """Least size from which on every larger one of the table keeps both promises; None if none.

    An exact test moves in steps, so that power may fall again a task later; the size that is
    relied on must not be a lucky one.
    """
    best = None
    for row in sorted(found, key=lambda row: -row.tasks):
        if row.null > null or row.power < power:
            return best
        best = row.tasks
    return best
