"""Held-out repositories are drawn once, by hash, and stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.corpus.holdout import HoldoutPolicy, draw_held_out

POLICY = HoldoutPolicy()
names = st.sets(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1, max_size=40)


def record(number: int, repos: set[str], held_out: tuple[str, ...]) -> RoundRecord:
    pins = tuple((name, "a" * 40) for name in sorted(repos))
    return RoundRecord(round=f"r{number:02d}", cut_off=number, pins=pins, held_out=held_out)


@pytest.mark.parametrize(
    ("repos", "count"),
    [(1, 0), (4, 0), (5, 1), (7, 1), (9, 1), (10, 2), (18, 3), (25, 4), (85, 13)],
)
def test_between_a_tenth_and_a_fifth_are_held_out(repos: int, count: int) -> None:
    assert POLICY.count(repos) == count
    assert repos < 5 or 0.1 <= count / repos <= 0.2


@given(names)
def test_a_draw_has_the_policys_size_and_ignores_order(repos: set[str]) -> None:
    drawn = draw_held_out(sorted(repos), (), POLICY)

    assert len(drawn) == POLICY.count(len(repos))
    assert set(drawn) <= repos
    assert drawn == draw_held_out(sorted(repos, reverse=True), (), POLICY)


@given(names, names)
def test_later_rounds_keep_the_earlier_draw_and_take_only_newcomers(
    first: set[str], second: set[str]
) -> None:
    drawn = draw_held_out(first, (), POLICY)
    earlier = (record(1, first, drawn),)
    later = draw_held_out(first | second, earlier, POLICY)

    assert set(drawn) <= set(later)
    assert not (set(later) - set(drawn)) & first
    assert later == draw_held_out(
        first | second, (*earlier, record(2, first | second, later)), POLICY
    )


def test_held_out_repositories_stay_even_where_a_round_leaves_them_out() -> None:
    earlier = (record(1, {"a", "b"}, ("b",)),)

    assert draw_held_out({"a"}, earlier, POLICY) == ("b",)


def test_another_seed_draws_others() -> None:
    repos = [f"repo{number}" for number in range(40)]

    assert draw_held_out(repos, (), POLICY) != draw_held_out(repos, (), HoldoutPolicy(seed=1))


def test_a_share_of_zero_holds_nothing_out() -> None:
    assert draw_held_out({"a", "b", "c", "d", "e", "f"}, (), HoldoutPolicy(share=0)) == ()
