"""Paired changes and intervals, against what scipy says and by their symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from cra_pipeline.gates.intervals import resampled, wilson
from cra_pipeline.gates.metrics import COLUMN, FIELDS
from cra_pipeline.gates.paired import Measured, mcnemar, measured
from cra_pipeline.gates.policy import rules_of
from cra_pipeline.gates.tallies import tally
from cra_pipeline_tests.gates.arms import attempts


def held(base: str, candidate: str) -> Measured:
    rows = [*attempts("base", base), *attempts("candidate", candidate)]
    return measured(tally(rows, (), rules_of("execute_code"), ()), draws=2000, seed=0)


@pytest.mark.parametrize(("won", "lost"), [(1, 0), (6, 0), (15, 5), (5, 15), (10, 10)])
def test_mcnemar_is_the_exact_binomial_test(won: int, lost: int) -> None:
    assert mcnemar(won, lost) == pytest.approx(
        binomtest(won, won + lost, alternative="greater").pvalue
    )


def test_where_nothing_moved_nothing_is_better() -> None:
    assert mcnemar(0, 0) == 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("pf"), st.sampled_from("pf")), min_size=5, max_size=40))
def test_exchanging_the_arms_turns_the_sign(pairs: list[tuple[str, str]]) -> None:
    base, candidate = ("".join(side) for side in zip(*pairs, strict=True))
    there = held(base, candidate).change("pass_at_1", "base")
    back = held(candidate, base).change("pass_at_1", "base")

    assert there is not None
    assert back is not None
    assert there.estimate.value == -back.estimate.value
    assert (there.won, there.lost) == (back.lost, back.won)
    # Sums of so few tasks move in steps of one.
    assert there.estimate.low == pytest.approx(-back.estimate.high, abs=1.01 / len(pairs))


def test_the_bootstrap_of_a_mean_is_as_wide_as_theory_says() -> None:
    base, candidate = "f" * 100, "p" * 30 + "f" * 70
    change = held(base, candidate).change("pass_at_1", "base")

    assert change is not None
    expected = 1.96 * np.sqrt(0.3 * 0.7 / 100)
    assert change.estimate.high - change.estimate.low == pytest.approx(2 * expected, rel=0.1)


def test_tasks_are_drawn_and_not_their_calls() -> None:
    # Two tasks of a thousand calls each: all right in one, all wrong in the other.
    table = np.zeros((2, len(FIELDS)))
    table[:, COLUMN["asked"]], table[0, COLUMN["right"]] = 1000, 1000
    drawn = resampled({"candidate": table}, draws=4000, seed=1)["candidate"]
    shares = drawn[:, COLUMN["right"]] / drawn[:, COLUMN["asked"]]

    assert {0.0, 0.5, 1.0} == {*shares.tolist()}
    assert np.mean(shares == 0.5) == pytest.approx(0.5, abs=0.03)


def test_a_share_has_wilsons_interval() -> None:
    found = wilson(8, 10)

    assert found.low == pytest.approx(0.4901625)
    assert found.high == pytest.approx(0.9433178)


def test_nothing_is_measured_on_no_tasks() -> None:
    with pytest.raises(ValueError, match="nothing to measure"):
        measured(tally((), (), rules_of("execute_code"), ()), draws=10, seed=0)
