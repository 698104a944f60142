"""A dataset holds no more than its plan wants, and what the plan names comes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.datasets.facts import Facts
from cra_pipeline.datasets.quota import Quota, beyond, within
from cra_pipeline.datasets.replay import ReplayPolicy
from cra_pipeline_tests.datasets.rows import many_rows, rows_of


def test_the_plans_first_source_is_taken_first_and_published_rows_last() -> None:
    rows = [
        *rows_of(4, "p", source="cold_start", domain="", task_id=""),
        *rows_of(4, "s", source="synthetic"),
        *rows_of(4, "m", source="synthetic", task_id=""),
        *rows_of(4, "h", source="harness"),
    ]
    quota = Quota(wanted=10, sources=("harness", "synthetic"))
    kept = within(rows, quota, 10, seed=0)

    assert {name[0] for name in kept} == {"h", "s", "m"}
    assert sum(name[0] == "m" for name in kept) == 2


def test_without_a_plan_all_rows_stay() -> None:
    rows = rows_of(5, "a")

    assert within(rows, Quota(), 0, seed=0) == {row.example_id for row in rows}


@given(many_rows(), st.integers(1, 20))
def test_no_more_are_kept_than_asked_for(rows: list[Facts], most: int) -> None:
    kept = within(rows, Quota(wanted=most), most, seed=0)

    assert len(kept) == min(most, len(rows))
    assert kept == within(rows[::-1], Quota(wanted=most), most, seed=0)


@pytest.mark.parametrize(("first", "most"), [(True, 100), (False, 85)])
def test_replay_finds_its_share_within_what_is_wanted(*, first: bool, most: int) -> None:
    fresh = Quota(wanted=100).fresh(ReplayPolicy(ratio=0.15), first=first)

    assert fresh == most
    assert first or fresh + ReplayPolicy(ratio=0.15).count(fresh) <= 100
    assert Quota().fresh(ReplayPolicy(), first=first) == 0


def test_more_rows_than_the_plan_wants_are_a_finding() -> None:
    assert beyond(10, Quota(wanted=10)) == beyond(10, Quota()) == ()
    assert beyond(11, Quota(wanted=10)) == ("11 rows, the round's training plan wants 10 at most",)
