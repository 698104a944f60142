"""Shares of replay are exact, and lie evenly over the dataset."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.datasets.refusal import Refusal
from cra_pipeline.datasets.replay import (
    ReplayPolicy,
    require_share,
    share_fault,
    spread,
    uneven,
)

POLICY = ReplayPolicy()


@pytest.mark.parametrize(
    ("ratio", "fresh", "expected"),
    [(0.15, 85, 15), (0.15, 48, 8), (0.12, 22, 3), (0.2, 80, 20), (0.0, 80, 0), (0.15, 0, 0)],
)
def test_the_count_is_exact(ratio: float, fresh: int, expected: int) -> None:
    assert ReplayPolicy(ratio=ratio).count(fresh) == expected


@given(st.integers(1, 5000))
def test_the_aim_never_exceeds_its_share(fresh: int) -> None:
    count = POLICY.count(fresh)

    assert Fraction(count, fresh + count) <= Fraction("0.15")
    assert Fraction(count + 1, fresh + count + 1) > Fraction("0.15")


@given(st.integers(1, 5000))
def test_the_fewest_replayed_rows_just_meet_the_least_share(fresh: int) -> None:
    fewest = POLICY.fewest(fresh)

    assert share_fault(fresh, fewest, POLICY) == "" or Fraction(fewest, fresh + fewest) > Fraction(
        "0.2"
    )
    assert Fraction(fewest - 1, fresh + fewest - 1) < Fraction("0.1")


@given(st.integers(10, 400), st.integers(0, 100))
def test_every_twenty_rows_hold_the_share(fresh: int, percent: int) -> None:
    ratio = Fraction(10 + percent % 11, 100)
    replayed = round(fresh * ratio / (1 - ratio))
    marks = spread([False] * fresh, [True] * replayed)

    assert marks.count(True) == replayed
    assert share_fault(fresh, replayed, POLICY) or uneven(marks, POLICY) == ()


@given(st.lists(st.integers(), max_size=30), st.lists(st.integers(), max_size=30))
def test_both_parts_keep_their_order(fresh: list[int], replayed: list[int]) -> None:
    mixed = spread([("new", n) for n in fresh], [("old", n) for n in replayed])

    assert [n for what, n in mixed if what == "new"] == fresh
    assert [n for what, n in mixed if what == "old"] == replayed


@pytest.mark.parametrize(
    ("fresh", "replayed", "words"),
    [
        (70, 30, "30 replayed rows beside 70 new ones are 30.0% of the dataset, expected 10% to"),
        (95, 5, r"5.0% of the dataset.*\(45 would do\)"),
        (9, 0, "0.0%"),
    ],
)
def test_a_share_that_cannot_be_met_is_refused_with_numbers(
    fresh: int, replayed: int, words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        require_share(fresh, replayed, POLICY)


def test_rows_in_a_heap_are_found() -> None:
    heap = [True] * 15 + [False] * 85

    assert uneven(heap, POLICY) == ("rows 1 to 20 hold 15 replayed ones, expected 2 to 4",)
    assert uneven(heap[:19], POLICY) == ()
