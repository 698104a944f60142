"""The limits on money and pace hold."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.spending import Budget, Pace

TOKENS = st.integers(0, 5000)


@given(
    st.floats(0, 100, allow_nan=False),
    st.lists(st.tuples(TOKENS, TOKENS, st.floats(0, 1), st.booleans()), max_size=40),
)
def test_the_limit_is_never_passed_whatever_is_under_way(
    limit: float, calls: list[tuple[int, int, float, bool]]
) -> None:
    budget = Budget(prompt_price=3.5, completion_price=12.25, limit=limit)
    open_holds: list[Fraction] = []
    for prompt, answered, share, ends in calls:
        try:
            open_holds.append(budget.hold(prompt * 1000, answered * 1000))
        except ModelError:
            continue
        if ends:
            held = open_holds.pop()
            budget.settle(held, held * Fraction(share))

        assert budget.spent + sum(open_holds) <= Fraction(str(limit))


def test_the_refusal_says_what_was_spent() -> None:
    budget = Budget(prompt_price=1, completion_price=2, limit=3)
    budget.settle(budget.hold(1_000_000, 500_000), Fraction(1))
    budget.hold(0, 500_000)

    with pytest.raises(ModelError, match=r"reached: 1\.0000 spent and 1\.0000 set aside"):
        budget.hold(1_000_001, 0)


def test_without_a_limit_all_is_counted() -> None:
    budget = Budget(prompt_price=0.1, completion_price=0.2, limit=None)
    for _ in range(1000):
        held = budget.hold(1_000_000, 1_000_000)
        budget.settle(held, held)

    assert budget.spent == 300


def test_a_pace_of_none_never_waits() -> None:
    async def work() -> float:
        pace, began = Pace(0), time.monotonic()
        for _ in range(1000):
            await pace.turn()
        return time.monotonic() - began

    assert asyncio.run(work()) < 1
