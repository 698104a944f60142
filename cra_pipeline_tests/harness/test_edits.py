"""Edits say a change and apply to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.harness.edits import apply_edits, render_edits

lines = st.lists(st.sampled_from(["a", "b", "", "  c", "d\r", "é"]), max_size=12)
texts = st.builds(lambda parts, end: "\n".join(parts) + end, lines, st.sampled_from(["", "\n"]))
trees = st.dictionaries(st.sampled_from(["a.py", "b/c.py", "d.txt"]), texts)


@given(trees, trees)
def test_edits_rebuild_the_later_files(before: dict[str, str], after: dict[str, str]) -> None:
    answer = render_edits(before, after)
    rebuilt = apply_edits(before, answer) if answer else dict(before)

    assert rebuilt == after


def test_a_search_text_grows_until_it_is_unique() -> None:
    before, after = {"a": "x\ny\nx\nz\n"}, {"a": "x\ny\nw\nz\n"}

    assert render_edits(before, after) == (
        '<edit file="a">\n<search>\ny\nx\nz\n\n</search>\n'
        "<replacement>\ny\nw\nz\n\n</replacement>\n</edit>"
    )


def test_near_changes_are_one_edit_and_far_ones_are_two() -> None:
    rows = [f"{number}\n" for number in range(20)]
    near = "".join(["X\n", rows[1], rows[2], "Y\n", *rows[4:]])
    far = "".join(["X\n", *rows[1:10], "Y\n", *rows[11:]])
    before = {"a": "".join(rows)}

    assert render_edits(before, {"a": near}).count("<edit ") == 1
    assert render_edits(before, {"a": far}).count("<edit ") == 2


@pytest.mark.parametrize("tag", ["</edit>", "<search>", "</Replacement>", "</create>", "<edit "])
def test_text_that_holds_a_tag_of_the_form_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="no form as an edit"):
        render_edits({"a": "x\n"}, {"a": f"x{tag}\n"})


EDIT = '<edit file="{}">\n<search>\n{}\n</search>\n<replacement>\nz\n</replacement>\n</edit>'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("no blocks", "no <edit>"),
        (EDIT.format("b", "x"), "no such file"),
        (EDIT.format("a", "nowhere"), "must occur once"),
        (EDIT.format("a", "x"), "must occur once"),
        (EDIT.format("a", ""), "must occur once"),
        ('<create file="a">\nz\n</create>', "exists already"),
        ('<delete file="b"/>', "no such file"),
        (EDIT.format("a", "y") + EDIT.format("a", "y"), "must occur once"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_whole(answer: str, words: str) -> None:
    files = {"a": "x\ny\nx\n"}

    with pytest.raises(ValueError, match=words):
        apply_edits(files, answer)
    assert files == {"a": "x\ny\nx\n"}


def test_words_around_the_blocks_are_ignored() -> None:
    answer = f"Sure!\n```\n{EDIT.format('a', 'y')}\n```\nDone."

    assert apply_edits({"a": "x\ny\n"}, answer) == {"a": "x\nz\n"}
