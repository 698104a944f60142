"""The simulated texts follow what the agent applies, takes back and asks again."""

from __future__ import annotations

from cra_pipeline.gold.edits import Edit, written
from cra_pipeline.gold.worktree import Worktree, shows_whole
from cra_pipeline_tests.gold.books import context

_BEFORE = {"a.py": "one\n", "b.py": "two\n"}


def _answer(*edits: Edit) -> str:
    return written(edits)


def test_applied_edits_are_seen_by_the_next_prompt() -> None:
    tree = Worktree(_BEFORE)
    tree.edit("implement", "first", _answer(Edit("a.py", "one", "ONE")))

    assert dict(tree.texts("next")) == {"a.py": "ONE\n", "b.py": "two\n"}


def test_a_prompt_asked_again_finds_what_it_found() -> None:
    tree = Worktree(_BEFORE)
    tree.edit("implement", "first", _answer(Edit("a.py", "one", "one one")))

    assert tree.texts("first")["a.py"] == "one\n"


def test_an_answer_to_a_repeated_prompt_replaces_the_earlier() -> None:
    tree = Worktree(_BEFORE)
    tree.edit("implement", "first", _answer(Edit("a.py", "one\n", "one\nmore\n")))
    tree.edit("implement", "first", _answer(Edit("b.py", "two", "TWO")))

    assert dict(tree.texts("next")) == {"a.py": "one\n", "b.py": "TWO\n"}


def test_answers_that_do_not_apply_change_nothing() -> None:
    tree = Worktree(_BEFORE)
    tree.edit("implement", "1", "no edits")
    tree.edit("implement", "2", _answer(Edit("b.py", "two", "TWO"), Edit("a.py", "gone", "x")))
    tree.edit("implement", "3", _answer(Edit("README.md", "x", "y")))

    assert dict(tree.texts("next")) == _BEFORE


def test_documentation_that_touches_code_is_not_applied() -> None:
    tree = Worktree({"a.py": "x = 1\n"})
    tree.edit("documentation", "# File: a.py\n", _answer(Edit("a.py", "x = 1", "x = 2")))
    tree.edit("documentation", "# File: a.py\n", _answer(Edit("a.py", "x = 1", "x = 1  # one")))

    assert tree.texts("next")["a.py"] == "x = 1  # one\n"


def test_a_part_taken_back_shows_itself() -> None:
    tree = Worktree(_BEFORE)
    tree.edit("implement", "first", _answer(Edit("a.py", "one", "ONE")))

    assert tree.texts(context("t", {"a.py": "one\n"}))["a.py"] == "one\n"
    assert tree.texts(context("t", {"a.py": "ONE\n"}))["a.py"] == "ONE\n"


def test_a_line_of_purpose_may_stand_above_the_code() -> None:
    prompt = context("t", {"a.py": "one\n"}).replace("<code", "Purpose: p\n<code", 1)

    assert shows_whole(prompt, "a.py", "one\n")
    assert not shows_whole(prompt, "a.py", "one")
    assert not shows_whole(prompt, "b.py", "one\n")
