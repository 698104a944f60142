"""Rows in tokens: nothing cut, one end of turn, the newest commits held back whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.errors import TrainingError
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.chat.tiny import TEMPLATE, train_tiny
from cra_pipeline.integrations.training.rows import (
    MASKED,
    PreparedRow,
    newest_apart,
    prepared,
    require_end,
)
from cra_pipeline_tests.adapters.worlds import dpo_row, phase, recipe, sft_row, texts

RECIPE = recipe(phase("sft"))
THINKING = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' and enable_thinking is not false %}"
    "{{ 'thought\n' }}{% endif %}{{ message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ENDLESS = TEMPLATE.replace("<|im_end|>", "")
TWICE = TEMPLATE.replace("<|im_end|>", "<|im_end|><|im_end|>")


@pytest.fixture
def chat_of(tmp_path: Path) -> Callable[[str], HuggingFaceChat]:
    """Formats with another template."""

    def made(template: str) -> HuggingFaceChat:
        train_tiny(texts(), tmp_path)
        (tmp_path / "chat_template.jinja").write_text(template, "utf-8")
        return HuggingFaceChat(tmp_path)

    return made


@pytest.mark.parametrize("template", [TEMPLATE, THINKING])
def test_the_answer_and_one_end_of_turn_are_trained(
    chat_of: Callable[[str], HuggingFaceChat], template: str
) -> None:
    chat = chat_of(template)
    (row,) = prepared([sft_row(1)], chat, RECIPE)

    assert chat.decode(row.answers[0]) == "yes<|im_end|>"
    assert row.labels.count(MASKED) == len(row.prompt)
    assert [label for label in row.labels if label != MASKED] == list(row.answers[0])


def test_both_sides_of_a_pair_end_their_turn(chat_of: Callable[[str], HuggingFaceChat]) -> None:
    chat = chat_of(TEMPLATE)
    (row,) = prepared([dpo_row(1)], chat, RECIPE)

    assert [chat.decode(ids) for ids in row.answers] == ["yes<|im_end|>", "no<|im_end|>"]


@pytest.mark.parametrize(("template", "times"), [(ENDLESS, 0), (TWICE, 2)])
def test_an_end_of_turn_that_is_missing_or_doubled_is_refused(
    chat_of: Callable[[str], HuggingFaceChat], template: str, times: int
) -> None:
    chat = chat_of(template)

    with pytest.raises(TrainingError, match=rf"row sft-1: the end of turn .* stands {times} times"):
        prepared([sft_row(1)], chat, RECIPE)


@pytest.mark.parametrize("trained", [[], [5], [9, 5], [9, 5, 9]])
def test_only_a_last_end_is_one(trained: list[int]) -> None:
    with pytest.raises(TrainingError, match="row x: the end of turn"):
        require_end("x", trained, 9)


def test_a_row_longer_than_the_window_is_refused_by_its_name(
    chat_of: Callable[[str], HuggingFaceChat],
) -> None:
    chat = chat_of(TEMPLATE)
    (row,) = prepared([sft_row(1)], chat, RECIPE)
    exact = recipe(phase("sft"), window=row.tokens)
    short = recipe(phase("sft"), window=row.tokens - 1)

    assert prepared([sft_row(1)], chat, exact) == (row,)
    with pytest.raises(TrainingError, match=f"row sft-1: {row.tokens} tokens, the window holds"):
        prepared([sft_row(1)], chat, short)


def test_no_rows_are_refused(chat_of: Callable[[str], HuggingFaceChat]) -> None:
    with pytest.raises(TrainingError, match="no rows"):
        prepared([], chat_of(TEMPLATE), RECIPE)


def test_another_end_of_turn_than_the_recipes_is_refused(
    chat_of: Callable[[str], HuggingFaceChat],
) -> None:
    other = recipe(phase("sft"), end_of_turn="<|endoftext|>")

    with pytest.raises(TrainingError, match=r"the recipe says '<.endoftext.>'"):
        prepared([sft_row(1)], chat_of(TEMPLATE), other)


ROW = PreparedRow("x", 0, (1,), ((2,),))
dated = st.lists(st.integers(0, 6), min_size=1, max_size=40).map(
    lambda dates: [dataclasses.replace(ROW, committed_at=date) for date in dates]
)


@given(rows=dated, share=st.sampled_from([0.0, 0.1, 0.3, 0.5]))
def test_what_is_held_back_is_newer_than_all_that_is_trained(
    rows: list[PreparedRow], share: float
) -> None:
    train, held = newest_apart(rows, share)

    assert sorted([*train, *held], key=hash) == sorted(rows, key=hash)
    assert train
    assert all(row.committed_at for row in held)
    assert max((row.committed_at for row in train), default=0) < min(
        (row.committed_at for row in held), default=99
    )
    assert len(held) <= max(share, 0.5 if share else 0.0) * len(rows)


def test_the_newest_commit_is_held_back_even_where_it_is_more_than_the_share() -> None:
    rows = [dataclasses.replace(ROW, committed_at=date) for date in (1, 1, 1, 2, 2)]

    assert [row.committed_at for row in newest_apart(rows, 0.1)[1]] == [2, 2]
