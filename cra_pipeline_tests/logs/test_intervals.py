"""Shares with intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.logs.intervals import examples_to_see, rate


# As scipy.stats.binomtest(...).proportion_ci(method="wilson") gives them.
@pytest.mark.parametrize(
    ("hits", "of", "confidence", "low", "high"),
    [
        (0, 10, 0.95, 0.0, 0.277533),
        (10, 10, 0.95, 0.722467, 1.0),
        (8, 10, 0.95, 0.490162, 0.943318),
        (3, 1000, 0.99, 0.000758, 0.011794),
        (500, 1000, 0.9, 0.474028, 0.525972),
    ],
)
def test_intervals_are_wilsons(
    hits: int, of: int, confidence: float, low: float, high: float
) -> None:
    found = rate(hits, of, confidence=confidence)

    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-6)


def test_nothing_measured_leaves_everything_possible() -> None:
    found = rate(0, 0, confidence=0.95)

    assert (found.low, found.high) == (0.0, 1.0)


@given(st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_what_was_seen(pair: tuple[int, int]) -> None:
    hits, of = pair
    found = rate(hits, of, confidence=0.95)

    assert 0 <= found.low <= hits / of <= found.high <= 1


@pytest.mark.parametrize(
    ("hits", "of", "confidence"), [(2, 1, 0.95), (-1, 1, 0.95), (1, 1, 0.0), (1, 1, 1.0)]
)
def test_what_is_no_share_is_refused(hits: int, of: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"expected a part of a whole|lies outside"):
        rate(hits, of, confidence=confidence)


@given(st.floats(0, 0.9), st.floats(0.01, 0.1), st.floats(0.01, 0.1))
def test_a_smaller_gain_needs_more_examples(share: float, gain: float, other: float) -> None:
    few, many = sorted((gain, other), reverse=True)

    assert examples_to_see(share, few, confidence=0.95) <= 4 + examples_to_see(
        share, many, confidence=0.95
    )


def test_no_gain_can_not_be_seen() -> None:
    with pytest.raises(ValueError, match="is none"):
        examples_to_see(0.5, 0.0, confidence=0.95)
