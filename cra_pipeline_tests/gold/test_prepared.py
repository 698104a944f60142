"""The base of an attempt, and what cannot be expressed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.edits import applied
from cra_pipeline.gold.prepared import STUB, prepare
from cra_pipeline.gold.searching import edits_between
from cra_pipeline_tests.gold.books import modules


def test_added_files_start_as_stubs_and_deleted_ones_are_gone() -> None:
    prepared = prepare({"old.py": "x = 1\n", "a.py": "a\n"}, {"a.py": "b\n", "new.py": "y = 2\n"})

    assert prepared.base == {"a.py": "a\n", "new.py": STUB}
    assert prepared.deleted == ("old.py",)
    assert prepared.stubs == ("new.py",)
    assert prepared.edited == ("a.py", "new.py")
    assert prepared.problem == ""


def test_an_empty_file_that_is_filled_starts_as_a_stub() -> None:
    assert prepare({"a.py": ""}, {"a.py": "x = 1\n"}).stubs == ("a.py",)


def test_an_empty_file_that_is_added_is_simply_there() -> None:
    prepared = prepare({"b.py": "x\n"}, {"a.py": "", "b.py": "y\n"})

    assert prepared.base["a.py"] == ""
    assert prepared.edited == ("b.py",)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"a.py": "x\n"}, {}, "nothing is left to edit"),
        ({}, {"a.py": ""}, "nothing is left to edit"),
        ({"a.py": "x\r\n"}, {"a.py": "y\r\n"}, "a.py: carriage returns"),
        ({"a.py": "x\n"}, {"a.py": "x\r\n"}, "a.py: carriage returns"),
        ({"a.py": "x\n"}, {"a.py": "y = '</edit>'\n"}, "a.py: no search text"),
        ({"a.py": "x = '<think>'\n"}, {"a.py": "y\n"}, "a.py: no search text"),
        ({'a"b.py': "x\n"}, {'a"b.py': "y\n"}, "no search text"),
    ],
)
def test_what_cannot_be_expressed_says_why(
    before: dict[str, str], after: dict[str, str], reason: str
) -> None:
    assert reason in prepare(before, after).problem


def test_tags_beside_the_change_do_no_harm() -> None:
    old = "tag = '</edit>'\n\n\n\nx = 1\n"

    assert prepare({"a.py": old}, {"a.py": old.replace("x = 1", "x = 2")}).problem == ""


@given(
    st.dictionaries(st.sampled_from("abc"), modules),
    st.dictionaries(st.sampled_from("abc"), modules),
)
def test_what_is_expressible_can_be_edited(before: dict[str, str], after: dict[str, str]) -> None:
    prepared = prepare(before, after)
    for path in prepared.edited:
        edits = edits_between(path, prepared.base[path], after[path])
        assert applied(edits, prepared.base)[path] == after[path]

    assert bool(prepared.problem) == (not prepared.edited)
