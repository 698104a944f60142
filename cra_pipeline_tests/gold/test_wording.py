"""Task texts and summaries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.wording import intent, task_text


def test_names_stand_one_per_line() -> None:
    text = task_text("Fix it.\n", ["b.py", "a.py", "b.py"], "names")

    assert text == "Fix it.\n\nFiles:\na.py\nb.py"


def test_the_other_form_gives_nothing_away() -> None:
    assert task_text("Fix it.", ["a.py"], "metadata") == "Fix it."


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("Fix it", "Fix it."),
        ("Fix it.\n\nIt was broken. Badly so.", "Fix it. It was broken."),
        ("Add a thing\nCode: a.py , b.py\nTests: t.py", "Add a thing."),
        ("Fix.\n\nFiles:\na.py\ntests/test_a.py", "Fix."),
        ("a.py", "a.py."),
        ("", "Do the task."),
    ],
)
def test_a_summary_is_one_or_two_sentences_without_listings(text: str, summary: str) -> None:
    assert intent(text) == summary


@given(st.text(max_size=900))
def test_a_summary_is_short_and_never_empty(text: str) -> None:
    assert 0 < len(intent(text)) <= 302


@given(st.text(st.characters(categories=["Lu", "Ll", "Zs"]), max_size=200))
def test_a_summary_has_no_word_of_its_own(text: str) -> None:
    words = {word.rstrip(".") for word in intent(text).split()}

    assert words <= {*text.split(), *["Do", "the", "task"]}
