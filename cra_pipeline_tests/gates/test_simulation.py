"""The gate's own error rates: a quick look here, the promised figures as ``real``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cra_pipeline.contracts.reports import silent
from cra_pipeline.gates.answer_simulation import Questions
from cra_pipeline.gates.answer_simulation import promoted as promoted_by_answers
from cra_pipeline.gates.policy import TINY, GatePolicy
from cra_pipeline.gates.simulation import Rates, World, outcomes, promoted, rates, smallest_size


def test_the_truth_has_the_gain_and_the_discordance_that_were_asked_for() -> None:
    solved = outcomes(World(adapters=2000), 0.1)
    base, candidate = solved[..., 0], solved[..., 1]

    assert np.mean(candidate) - np.mean(base) == pytest.approx(0.1, abs=0.005)
    assert np.mean(candidate != base) == pytest.approx(0.2, abs=0.005)


def test_a_gain_beyond_the_discordance_is_refused() -> None:
    with pytest.raises(ValueError, match="impossible with discordance"):
        outcomes(World(), 0.3)


@pytest.mark.slow
def test_few_adapters_without_a_gain_pass_and_most_with_one_do() -> None:
    world, policy = World(adapters=60), GatePolicy(draws=1000)
    (found,) = rates(world, policy, [policy.least_tasks], silent)

    assert found.null <= 0.05
    assert found.power >= 0.7


def test_the_least_size_is_the_one_from_which_on_all_keep_the_promise() -> None:
    table = [Rates(10, 0.0, 0.8), Rates(11, 0.0, 0.79), Rates(12, 0.0, 0.8), Rates(13, 0.01, 0.9)]

    assert smallest_size(table) == 12
    assert smallest_size(table[:2]) is None


@pytest.mark.real
@pytest.mark.slow
def test_the_least_size_of_the_policy_is_the_smallest_that_keeps_both_promises() -> None:
    """Five minutes of processor time: 400 adapters of each sort at four sizes."""
    world, policy = World(), GatePolicy()
    least = policy.least_tasks
    (found,) = rates(world, policy, [least], silent)
    real = outcomes(world, policy.smallest_effect)
    below = promoted(real, least - 1, replace(policy, least_tasks=least - 1))

    assert found.null <= 0.05
    assert found.power >= 0.8
    assert below < 0.8


@pytest.mark.slow
def test_on_the_tiny_bases_few_tasks_gains_are_told_from_none() -> None:
    questions, tasks = Questions(adapters=40), TINY.least_tasks
    policy = replace(TINY, draws=1000)

    assert promoted_by_answers(questions, 0.0, tasks, policy) <= 0.05
    assert promoted_by_answers(questions, TINY.smallest_effect, tasks, policy) >= 0.75
