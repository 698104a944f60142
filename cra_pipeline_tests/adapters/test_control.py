"""Exchanged answers: as many of each as before, and dealt out the same way every time."""

from __future__ import annotations

from collections import Counter

from cra_pipeline.adapters.control import shuffled_labels
from cra_pipeline_tests.adapters.worlds import sft_row

ROWS = tuple(sft_row(number) for number in range(40))


def test_answers_are_exchanged_and_their_shares_stay() -> None:
    found = shuffled_labels(ROWS, 0)
    answers = [row.completion for row in found]

    assert Counter(answers) == Counter(row.completion for row in ROWS)
    assert answers != [row.completion for row in ROWS]
    assert [row.prompt for row in found] == [row.prompt for row in ROWS]


def test_the_seed_decides_the_exchange() -> None:
    assert shuffled_labels(ROWS, 0) == shuffled_labels(ROWS, 0)
    assert shuffled_labels(ROWS, 0) != shuffled_labels(ROWS, 1)


def test_answers_stay_within_their_call_kind() -> None:
    other = tuple(
        row.model_copy(update={"call_kind": "precision_pass1", "completion": ()}) for row in ROWS
    )

    assert all(not row.completion for row in shuffled_labels((*ROWS, *other), 0)[len(ROWS) :])
