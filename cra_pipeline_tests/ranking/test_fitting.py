"""What is fitted orders rows as the rule behind them, and plain numbers say the same."""

from __future__ import annotations

import numpy as np
import pytest

from cra_pipeline.contracts.ranking import MARGIN, RankerWeights
from cra_pipeline.ranking.fitted import FEATURES, FEATURES_AND_MARGIN
from cra_pipeline.ranking.fitting import TreePolicy, fit_linear, fit_trees, linear_weights
from cra_pipeline.ranking.signals import FOUR

DRAW = np.random.default_rng(0)
COLUMNS = DRAW.normal(size=(400, 2))
TOUCHED = COLUMNS[:, 0] - COLUMNS[:, 1] > 0.3


def test_both_rankers_find_the_rule() -> None:
    linear = fit_linear(COLUMNS, TOUCHED)(COLUMNS)
    trees = fit_trees(COLUMNS, TOUCHED, TreePolicy(rounds=20, smallest=5))(COLUMNS)

    assert ((linear > 0) == TOUCHED).mean() > 0.95
    assert ((trees > 0) == TOUCHED).mean() > 0.9


def test_plain_numbers_say_what_the_model_says() -> None:
    weights = linear_weights(["a", "b"], COLUMNS, TOUCHED)
    told = [weights.log_odds(row) for row in COLUMNS.tolist()]

    assert told == pytest.approx(fit_linear(COLUMNS, TOUCHED)(COLUMNS), abs=0.01)
    assert RankerWeights.parse_json(weights.canonical_json(), where="x") == weights


@pytest.mark.parametrize("answer", [True, False])
def test_rows_of_one_class_are_refused(*, answer: bool) -> None:
    with pytest.raises(ValueError, match="400 rows of one class"):
        fit_linear(COLUMNS, np.full(400, answer))


def test_other_columns_than_the_fitted_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        FEATURES.log_odds([1.0, 2.0])


def test_the_shipped_rankers_know_their_columns_and_prefer_what_speaks_for_a_file() -> None:
    best, worst = (1.0, 4.0, 4.0, 0.0), (0.0, 0.0, 0.0, 8.0)

    assert FEATURES.columns == FOUR
    assert FEATURES_AND_MARGIN.columns == (*FOUR, MARGIN)
    assert (FEATURES.says_yes(best), FEATURES.says_yes(worst)) == (True, False)
    assert FEATURES_AND_MARGIN.says_yes((*worst, 6.0))
    assert not FEATURES_AND_MARGIN.says_yes((*best, -9.0))
