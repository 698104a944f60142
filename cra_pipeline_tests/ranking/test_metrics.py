"""Metrics against scikit-learn and against brute force; intervals by list."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cra_pipeline.ranking.metrics import BootstrapPolicy, Lists, best_threshold

FEW = BootstrapPolicy(draws=50)

lists = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=5).filter(
        lambda rows: any(right for _, right in rows)
    ),
    min_size=1,
    max_size=4,
)


def columns(drawn: list[list[tuple[int, bool]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [(at, score, right) for at, one in enumerate(drawn) for score, right in one]
    number, score, right = (np.array(values) for values in zip(*rows, strict=True))
    return number, score.astype(float), right


def expected(rows: list[tuple[int, bool]]) -> tuple[float, float]:
    """Mean over all orders that the scores allow."""
    precisions, recalls = [], []
    for order in permutations(rows):
        if any(a < b for (a, _), (b, _) in pairwise(order)):
            continue
        right = [place for place, (_, hit) in enumerate(order) if hit]
        shares = [(n + 1) / (place + 1) for n, place in enumerate(right)]
        precisions.append(sum(shares) / len(right))
        recalls.append(sum(place < 3 for place in right) / len(right))
    return sum(precisions) / len(precisions), sum(recalls) / len(recalls)


@settings(max_examples=60, deadline=None)
@given(lists)
def test_ties_count_as_the_mean_of_their_orders(drawn: list[list[tuple[int, bool]]]) -> None:
    number, score, right = columns(drawn)
    precision, recall = Lists(number, right).by_list(score)

    assert list(zip(precision, recall, strict=True)) == [pytest.approx(expected(r)) for r in drawn]


def test_auc_and_answers_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

    draw = np.random.default_rng(0)
    right = draw.random(300) < 0.2
    right[::10] = True
    score = np.round(draw.random(300) + 0.3 * right, 1)
    found = Lists(np.arange(300) // 10, right).measure(score, 0.7, FEW)
    yes = score >= 0.7

    assert found["AUC"].value == pytest.approx(roc_auc_score(right, score))
    assert found["precision"].value == pytest.approx(precision_score(right, yes))
    assert found["recall"].value == pytest.approx(recall_score(right, yes))
    assert found["F1"].value == pytest.approx(f1_score(right, yes))


def test_intervals_widen_with_fewer_lists_of_the_same_rows() -> None:
    draw = np.random.default_rng(0)
    right = np.tile([True, False, False, False], 100)
    score = draw.random(400) + 0.3 * right
    many, few = (
        Lists(np.arange(400) // size, right).measure(score, 0.5, FEW)["AUC"] for size in (4, 80)
    )

    assert many.interval(0.95)[0] < many.value < many.interval(0.95)[1]
    assert np.std(few.drawn) != np.std(many.drawn)


def test_a_difference_of_a_method_to_itself_is_nothing_in_every_draw() -> None:
    found = Lists(np.array([0, 0, 1, 1]), np.array([1, 0, 0, 1])).measure(
        np.array([0.1, 0.2, 0.3, 0.4]), 0.2, FEW
    )
    none = found["MAP"].less(found["MAP"])

    assert none.interval(0.95) == (0.0, 0.0)


def test_a_list_without_a_right_row_is_refused() -> None:
    with pytest.raises(ValueError, match="1 lists without a right row"):
        Lists(np.array([0, 0, 1]), np.array([True, False, False]))


def test_the_best_threshold_parts_right_from_wrong() -> None:
    assert best_threshold(np.array([0.9, 0.5, 0.1]), np.array([True, True, False])) == 0.5
    assert best_threshold(np.array([0.9, 0.9, 0.1]), np.array([True, False, False])) == 0.9
