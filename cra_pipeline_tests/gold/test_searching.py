"""Search texts: unique at their turn, shown where possible, and exact together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.edits import applied
from cra_pipeline.gold.searching import edits_between, partly
from cra_pipeline_tests.gold.books import modules

_lines = st.lists(st.sampled_from(["a", "b", "", "ab", "  a"]), max_size=14)
_texts = st.builds(lambda lines, end: "\n".join(lines) + end, _lines, st.sampled_from(["", "\n"]))


@given(_texts.filter(bool), _texts)
def test_edits_in_order_turn_one_text_into_the_other(old: str, new: str) -> None:
    edits = edits_between("a.py", old, new)
    text = old
    for edit in edits:
        assert text.count(edit.search) == 1
        text = applied([edit], {"a.py": text})["a.py"]

    assert text == new


@given(modules, modules, st.data())
def test_shown_text_is_preferred_and_never_costs_exactness(
    old: str, new: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(old)))
    edits = edits_between("a.py", old, new, old[start:])

    assert old == new or applied(edits, {"a.py": old})["a.py"] == new


def test_the_shown_side_of_an_insertion_is_searched() -> None:
    old = "import os\n\n\ndef one():\n    return 1\n\n\ndef two():\n    return 2\n"
    new = old.replace("\n\n\ndef two", "\n\n\ndef middle():\n    return 3\n\n\ndef two")

    (above,) = edits_between("a.py", old, new, "def one():\n    return 1")
    (below,) = edits_between("a.py", old, new, "def two():\n    return 2")

    assert above.search in "def one():\n    return 1"
    assert below.search in "def two():\n    return 2"


def test_a_search_never_reaches_into_the_next_change() -> None:
    old = "a\nx\nx\nx\nx\nb\n"
    new = "A\nx\nx\nx\nx\nB\n"

    assert [edit.search for edit in edits_between("a.py", old, new)] == ["a", "b"]


def test_changes_close_together_are_one_edit() -> None:
    edits = edits_between("a.py", "a\nkeep\nb\nend\n", "A\nkeep\nB\nend\n")

    assert [edit.search for edit in edits] == ["a\nkeep\nb"]


def test_changes_close_together_stay_apart_where_the_prompt_shows_them_apart() -> None:
    old = "def one():\n    return 1\n\ndef two():\n    return 2\n"
    new = old.replace("return 1", "return 10").replace("def two", "def too")
    edits = edits_between(
        "a.py", old, new, "def one():\n    return 1\n...\ndef two():\n    return 2"
    )

    assert [edit.search for edit in edits] == ["    return 1", "def two():"]
    assert len(edits_between("a.py", old, new)) == 1


def test_changes_that_cannot_be_told_apart_become_one() -> None:
    old = "x\nx\nx\nx\nx\nx\nx\nx\n"
    new = "y\nx\nx\nx\nx\nx\nx\nz\n"
    edits = edits_between("a.py", old, new)

    assert applied(edits, {"a.py": old}) == {"a.py": new}


@pytest.mark.parametrize(("old", "new"), [("", "x\n"), ("x\n", "</edit>\n")])
def test_what_no_text_can_say_is_refused(old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r"a\.py: no search text"):
        edits_between("a.py", old, new)


def test_equal_texts_need_no_edit() -> None:
    assert edits_between("a.py", "x\n", "x\n") == ()


def test_a_step_may_take_its_own_definitions_alone() -> None:
    old = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"
    new = old.replace("1", "10").replace("2", "20")

    assert partly(old, new, ["two"]) == old.replace("2", "20")
    assert partly(old, new, ["none"]) == new
    assert partly(partly(old, new, ["two"]), new, ["one"]) == new
