"""Definitions by their lines."""

from __future__ import annotations

from cra_pipeline.commits.definitions import changed_names, mentions, new_names

OLD = "class A:\n    def keep(self):\n        return 1\n\n    def edit(self):\n        return 1\n"
NEW = OLD.replace("def edit(self):\n        return 1", "async def edit(self):\n        return 2")


def test_a_name_that_only_moved_is_not_new() -> None:
    names = new_names([("def moved(): ...\n", ""), ("", "def moved(): ...\nclass Fresh: ...\n")])

    assert names == ("Fresh",)


def test_definitions_with_other_lines_are_changed() -> None:
    names = changed_names(OLD, NEW)

    assert names == {"edit"}
    assert changed_names("", OLD) == {"A", "keep", "edit"}
    assert not changed_names("x = 1\n", "x = 2\n")


def test_only_added_lines_mention_a_name() -> None:
    names = {"edit_all"}

    assert mentions(names, "", "assert edit_all()\n")
    assert not mentions(names, "assert edit_all()\n", "assert edit_all()\nassert 1\n")
    assert not mentions({"__init__", "run"}, "", "__init__(run)\n")


def test_code_that_no_python_parses_is_read_all_the_same() -> None:
    names = new_names([("print 'x'\n", "print 'x'\ndef old_style(a, (b, c)):\n    exec 'x'\n")])

    assert names == ("old_style",)
