"""Balance, caps and the share of a student's own rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.datasets.balance import BalancePolicy, balanced, unbalanced
from cra_pipeline.datasets.caps import (
    CapPolicy,
    capped,
    in_turn,
    largest_cap,
    overdrawn,
    require_domains,
)
from cra_pipeline.datasets.facts import Facts
from cra_pipeline.datasets.refusal import Refusal
from cra_pipeline.datasets.selfmade import SelfPolicy, few_own, too_much_own
from cra_pipeline_tests.datasets.rows import many_rows, row, rows_of

ONLY_SHARES = CapPolicy(domains=0)


def kept(rows: list[Facts], ids: set[str]) -> list[Facts]:
    return [item for item in rows if item.example_id in ids]


@given(many_rows())
def test_what_is_kept_is_balanced_and_loses_no_rare_answer(rows: list[Facts]) -> None:
    policy = BalancePolicy(fewest=2)
    left = kept(rows, balanced(rows, policy, seed=0))

    assert unbalanced(left, policy) == ()
    for verdict in (True, False):
        mine = [item for item in rows if item.verdict is verdict]
        others = [item for item in rows if item.verdict is (not verdict)]
        if len(mine) <= len(others):
            assert set(mine) <= set(left)


@given(many_rows())
def test_the_order_of_the_rows_decides_nothing(rows: list[Facts]) -> None:
    backwards = rows[::-1]

    assert balanced(rows, BalancePolicy(), seed=1) == balanced(backwards, BalancePolicy(), seed=1)
    assert capped(rows, ONLY_SHARES, seed=1) == capped(backwards, ONLY_SHARES, seed=1)
    assert few_own(rows, SelfPolicy(), seed=1) == few_own(backwards, SelfPolicy(), seed=1)


def test_an_uneven_kind_is_told_with_numbers() -> None:
    rows = rows_of(9, "n", call_kind="scope", verdict=False)

    assert unbalanced(rows, BalancePolicy()) == (
        "scope: 9 rows answer no beside 0 of the other, at most 8 may",
    )


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 50), max_size=9))
def test_the_cap_is_the_largest_that_holds(sizes: dict[str, int]) -> None:
    cap = largest_cap(sizes, 0.2)

    def holds(most: int) -> bool:
        left = [min(size, most) for size in sizes.values()]
        return max(left, default=0) * 5 <= sum(left)

    assert holds(cap)
    assert cap == max(sizes.values(), default=0) or not holds(cap + 1)


@given(many_rows())
def test_no_domain_and_no_repository_keeps_more_than_its_share(rows: list[Facts]) -> None:
    left = kept(rows, capped(rows, ONLY_SHARES, seed=0))

    assert overdrawn(left, ONLY_SHARES) == ()
    assert {item for item in rows if not item.domain} <= set(left)


def test_a_domain_with_half_of_the_rows_is_cut_to_a_fifth() -> None:
    rows = [
        *rows_of(50, "a", domain="a", repo="a"),
        *(item for name in "bcdef" for item in rows_of(10, name, domain=name, repo=name)),
    ]
    left = kept(rows, capped(rows, CapPolicy(), seed=0))

    assert overdrawn(rows, CapPolicy())[0] == (
        "domain a: 50 of 100 rows (50.0%), at most 20% may be"
    )
    assert sum(item.domain == "a" for item in left) == 12
    assert len(left) == 62


def test_two_repositories_of_one_domain_take_turns() -> None:
    rows = [*rows_of(9, "x", repo="x"), *rows_of(3, "y", repo="y")]
    first = in_turn(rows, 0)[:6]

    assert sorted(item.repo for item in first) == ["x", "x", "x", "y", "y", "y"]


def test_five_domains_are_refused_with_their_numbers() -> None:
    rows = [row(name, domain=name) for name in "abcde"]

    with pytest.raises(Refusal, match=r"5 domains \(a 1, b 1, c 1, d 1, e 1\), expected 6 or more"):
        require_domains(rows, CapPolicy())


def test_published_rows_alone_need_no_domains() -> None:
    require_domains([row("a", domain="", source="cold_start")], CapPolicy())

    assert overdrawn([row("a", domain="", source="cold_start")], CapPolicy()) == ()


@given(many_rows())
def test_a_student_writes_no_more_than_its_share(rows: list[Facts]) -> None:
    policy = SelfPolicy(most=0.3)

    assert too_much_own(kept(rows, few_own(rows, policy, seed=0)), policy) == ()


def test_a_teacher_is_no_student() -> None:
    rows = rows_of(3, "a", author="wise-70b")

    assert few_own(rows, SelfPolicy(), seed=0) == set()
    assert len(few_own(rows, SelfPolicy(teachers=("wise-70b",)), seed=0)) == 3
    assert too_much_own(rows, SelfPolicy()) == (
        "3 of 3 rows were written by students, at most 50% may",
    )
