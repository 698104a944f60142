"""The edit format, as the agent reads and applies it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.edits import Edit, applied, read, sayable, written

_texts = st.text(st.sampled_from("ab\n <>/"), max_size=8) | st.sampled_from(
    ["<edit>", "\n", "", "<search>", "a\r\nb"]
)
_edits = st.builds(Edit, st.sampled_from(["a.py", "dir/b c.py"]), _texts.map("x{}".format), _texts)


@given(st.lists(_edits, min_size=1, max_size=4))
def test_what_can_be_said_is_read_back_in_order(edits: list[Edit]) -> None:
    said = [edit for edit in edits if sayable(edit)] or [Edit("a.py", "x", "y")]

    assert read(f"Here it is:\n{written(said)}\nDone.") == tuple(said)


@given(_edits)
def test_plain_text_can_always_be_said(edit: Edit) -> None:
    assert sayable(edit) or "<search>" in edit.search + edit.replacement


@pytest.mark.parametrize(
    ("search", "replacement"),
    [
        ("x", "</edit>"),
        ("x", "</search>"),
        ("<replacement>", "x"),
        ("x", "a <think> b"),
        ("", "x"),
        ("x\r", "y"),
    ],
)
def test_text_that_breaks_the_format_cannot_be_said(search: str, replacement: str) -> None:
    assert not sayable(Edit("a.py", search, replacement))


@pytest.mark.parametrize("text", ["\nx", "x\n", "\n", "  x  ", "a\n\n\nb"])
def test_newlines_at_the_edges_survive(text: str) -> None:
    assert sayable(Edit("a.py", text, text))


@pytest.mark.parametrize(
    "answer",
    [
        "no edit here",
        '<edit file="a.py"><search>x</search></edit>',
        '<edit file="a.py"><search></search><replacement>y</replacement></edit>',
        '<edit file=" "><search>x</search><replacement>y</replacement></edit>',
        '<edit file="a.py"><search>x</search><replacement>y</replacement>',
    ],
)
def test_answers_that_the_agent_refuses_are_refused(answer: str) -> None:
    with pytest.raises(ValueError, match="edit"):
        read(answer)


def test_edits_apply_one_after_another() -> None:
    edits = [Edit("a.py", "one", "two\n"), Edit("a.py", "two", "three")]

    assert applied(edits, {"a.py": "one\n"}) == {"a.py": "three\n\n"}


@pytest.mark.parametrize(
    "second", [Edit("a.py", "gone", "x"), Edit("a.py", "e", "x"), Edit("none.py", "x", "y")]
)
def test_one_edit_that_fails_undoes_all(second: Edit) -> None:
    with pytest.raises(ValueError, match="edit 1"):
        applied([Edit("b.py", "one", "two"), second], {"a.py": "ee", "b.py": "one"})


def test_a_path_in_other_letters_means_the_same_file() -> None:
    assert applied([Edit("./a.py", "x", "y")], {"a.py": "x"}) == {"a.py": "y"}
