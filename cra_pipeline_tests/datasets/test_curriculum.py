"""Precision is learnt from easy to hard, everything else in a drawn order."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.datasets.curriculum import CurriculumPolicy, difficulty, in_order, unordered
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.datasets.rows import row

PROMPT = "Task: Let Shelf.put refuse\nIntent: so.\n\nSymbol: {} (method) in a/shelf.py:3-9\n[]"


@pytest.mark.parametrize(
    ("symbol", "answer", "hard"),
    [("put", "yes", 0), ("put", "no", 1), ("get", "no", 0), ("get", "yes", 1)],
)
def test_it_is_hard_where_the_tasks_words_mislead(symbol: str, answer: str, hard: int) -> None:
    filled = example(CandidateRow)
    assert isinstance(filled, CandidateRow)
    prompt = PROMPT.format(symbol)
    found = difficulty(filled.model_copy(update={"prompt": prompt, "answers": (answer,)}))

    assert found == (hard, len(prompt))


def test_easy_rows_come_first_for_precision_alone() -> None:
    rows = [row(str(number), difficulty=(number % 2, number)) for number in range(40)]
    learnt = in_order(rows, "precision", CurriculumPolicy(), seed=0)
    drawn = in_order(rows, "scope", CurriculumPolicy(), seed=0)

    assert [item.difficulty for item in learnt] == sorted(item.difficulty for item in rows)
    assert [item.difficulty for item in drawn] != sorted(item.difficulty for item in rows)
    assert drawn == in_order(rows[::-1], "scope", CurriculumPolicy(), seed=0)


@pytest.mark.parametrize("round_name", ["r02", "r01"])
def test_a_harder_row_before_an_easier_one_is_found(round_name: str) -> None:
    rows = [row(str(number), difficulty=(0, number), round=round_name) for number in range(4)]
    other = row("other", difficulty=(0, 0), round="r01" if round_name == "r02" else "r02")
    policy = CurriculumPolicy()
    swapped = [rows[0], rows[2], other, rows[1], rows[3]]
    (found,) = unordered(swapped, "r02", "precision", policy)

    assert found.startswith("new rows" if round_name == "r02" else "replayed rows")
    assert found.endswith("1 (0, 1) comes after 2 (0, 2)")
    assert unordered([rows[0], other, *rows[1:]], "r02", "precision", policy) == ()
    assert unordered(swapped, "r02", "scope", policy) == ()
