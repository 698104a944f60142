"""Fitted rankers of scikit-learn: logistic regression and boosted trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from cra_pipeline.contracts.ranking import RankerWeights

Array = np.ndarray[Any, np.dtype[Any]]
Ranker = Callable[[Array], Array]
"""From rows of columns to scores (log-odds)."""


@dataclass(frozen=True, slots=True)
class TreePolicy:
    """Of boosted trees.

    Attributes:
        rounds: Trees.
        rate: Learning rate.
        leaves: Most leaves of a tree.
        smallest: Fewest rows in a leaf.
        shrinkage: L2 penalty.
        seed: Of everything that is drawn.
    """

    rounds: int = 200
    rate: float = 0.05
    leaves: int = 15
    smallest: int = 60
    shrinkage: float = 5.0
    seed: int = 0


def fit_linear(columns: Array, touched: Array) -> Ranker:
    """Logistic regression over standardised columns.

    Raises:
        ValueError: All rows are of one class.
    """
    model = _linear(columns, touched)
    return lambda rows: np.asarray(model.decision_function(rows))


def linear_weights(names: Sequence[str], columns: Array, touched: Array) -> RankerWeights:
    """The same as plain numbers, with the best threshold on other rows still to be set (0).

    Raises:
        ValueError: All rows are of one class.
    """
    model = _linear(columns, touched)
    scaler, last = model[0], model[-1]
    return RankerWeights(
        columns=tuple(names),
        mean=_rounded(scaler.mean_),
        scale=_rounded(scaler.scale_),
        weight=_rounded(last.coef_[0]),
        bias=_rounded(last.intercept_)[0],
        threshold=0.0,
    )


def fit_trees(columns: Array, touched: Array, policy: TreePolicy) -> Ranker:
    """Boosted trees.

    Raises:
        ValueError: All rows are of one class.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    _require_both(touched)
    model = HistGradientBoostingClassifier(
        max_iter=policy.rounds,
        learning_rate=policy.rate,
        max_leaf_nodes=policy.leaves,
        min_samples_leaf=policy.smallest,
        l2_regularization=policy.shrinkage,
        early_stopping=False,
        random_state=policy.seed,
    )
    with _one_thread():
        model.fit(columns, touched)

    def rank(rows: Array) -> Array:
        with _one_thread():
            return np.asarray(model.decision_function(rows))

    return rank


def _one_thread() -> AbstractContextManager[object]:
    """Threads of trees wait for each other at every node: on a busy machine that takes minutes."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # has no types

    limited: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="openmp")
    return limited


def _linear(columns: Array, touched: Array) -> Any:  # noqa: ANN401  # scikit-learn has no types
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _require_both(touched)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    return model.fit(columns, touched)


def _rounded(values: Array) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def _require_both(touched: Array) -> None:
    if touched.all() or not touched.any():
        raise ValueError(f"{len(touched)} rows of one class: nothing can be learned of them")
