"""Budgets and books."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.book import Budget
from cra_pipeline_tests.gold.books import book


@given(st.integers(2_048, 200_000), st.floats(0, 0.9), st.floats(0.01, 0.9))
def test_budget_is_within_what_assembly_and_gate_accept(
    window: int, reserved: float, answer: float
) -> None:
    budget = Budget(
        context_window=window,
        reserved_tokens=int(window * reserved),
        max_tokens=int(window * answer),
    )

    assert 0 <= budget.characters <= budget.ceiling
    assert budget.characters / 4 <= 0.9 * (window - budget.reserved_tokens)
    assert budget.ceiling / 3 <= window - budget.max_tokens


def test_a_32k_window_leaves_about_70_thousand_characters() -> None:
    budget = Budget(context_window=32_768, reserved_tokens=8_192, max_tokens=4_096)

    assert budget.characters == 3 * (32_768 - 4_096) - 14_000 - 1_500


def test_a_change_of_an_unknown_file_is_refused() -> None:
    with pytest.raises(ValueError, match=r"b\.py: changes, but is no indexed file"):
        book({"a.py": "x = 1\n"}, {"b.py": "y = 1\n"})
