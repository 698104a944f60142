"""A draw depends on texts, seed and count, and on nothing else."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.datasets.cold_start.drawing import draw


def rows(texts: list[str]) -> list[PublishedRow]:
    return [
        PublishedRow(dataset="d3", licence="mit", row=f"a.jsonl:{number}", texts={"prompt": text})
        for number, text in enumerate(texts, 1)
    ]


@given(st.lists(st.text(max_size=2), max_size=30), st.integers(0, 10), st.randoms())
def test_order_does_not_matter(texts: list[str], count: int, draws: random.Random) -> None:
    there = rows(texts)
    mixed = draws.sample(there, len(there))

    found = draw(there, count, seed=1)
    assert found == draw(mixed, count, seed=1)
    different = len(set(texts))
    assert len(found) == (min(count, different) if count else different)


def test_another_seed_draws_other_rows() -> None:
    there = rows([str(number) for number in range(100)])

    assert draw(there, 10, seed=1) != draw(there, 10, seed=2)


def test_a_larger_draw_holds_the_smaller_one() -> None:
    there = rows([str(number) for number in range(100)])

    assert draw(there, 10, seed=1) == draw(there, 20, seed=1)[:10]


def test_halves_of_characters_can_be_drawn() -> None:
    assert len(draw(rows(["\ud800"]), 1, seed=0)) == 1
