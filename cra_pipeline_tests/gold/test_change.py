"""Touched places, parts and order of a change."""

from __future__ import annotations

from hypothesis import given

from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.change import GoldChange, Spot
from cra_pipeline_tests.gold.books import book, books

_OLD = "import os\n\n\ndef one(x):\n    return x\n\n\ndef two(x):\n    y = x\n    return y\n"


def _file(old: str, new: str) -> GoldChange:
    return GoldChange(book({"a.py": old}, {"a.py": new}))


def test_a_replaced_line_is_its_own_place() -> None:
    file = _file(_OLD, _OLD.replace("y = x", "y = -x")).files["a.py"]

    assert file.spots == (Spot((9,), inserted=False),)
    assert [symbol.name for symbol in file.touched] == ["two"]
    assert file.fates == (("two", "modify"),)


def test_an_insertion_touches_both_neighbours_and_is_shown_by_the_shorter() -> None:
    new = _OLD.replace("\n\n\ndef two", "\n\n\ndef mid(x):\n    return 1\n\n\ndef two")
    file = _file(_OLD, new).files["a.py"]

    assert {line for spot in file.spots for line in spot.lines} >= {5, 8}
    assert [symbol.name for symbol in file.touched] == ["one", "two"]
    assert [symbol.name for symbol in file.shown] == ["one"]
    assert ("mid", "add") in file.fates


def test_a_change_outside_all_symbols_is_carried_by_the_nearest() -> None:
    file = _file(_OLD, _OLD.replace("import os", "import sys")).files["a.py"]

    assert [symbol.name for symbol in file.touched] == ["one"]
    assert file.fates == (("module", "modify"),)


def test_a_removed_function_is_deleted() -> None:
    file = _file(_OLD, _OLD.partition("\n\n\ndef two")[0] + "\n").files["a.py"]

    assert ("two", "delete") in file.fates


def test_unrelated_files_are_parts_of_their_own() -> None:
    before = {"p/a.py": "A = 1\n", "p/b.py": "B = 1\n", "tests/test_b.py": "import p.b\n"}
    after = {"p/a.py": "A = 2\n", "p/b.py": "B = 2\n", "tests/test_b.py": "import p.b\nx = 1\n"}

    assert GoldChange(book(before, after)).parts == (("p/a.py",), ("p/b.py", "tests/test_b.py"))


def test_a_test_of_nothing_that_changes_holds_all_parts_together() -> None:
    before = {"p/a.py": "A = 1\n", "p/b.py": "B = 1\n", "tests/test_c.py": "import c\n"}
    after = {"p/a.py": "A = 2\n", "p/b.py": "B = 2\n", "tests/test_c.py": "import d\n"}

    assert GoldChange(book(before, after)).parts == (("p/a.py", "p/b.py", "tests/test_c.py"),)


def test_an_import_that_goes_away_still_holds_together() -> None:
    before = {"p/a.py": "from p.b import B\n", "p/b.py": "B = 1\n"}
    after = {"p/a.py": "A = 2\n", "p/b.py": "\n"}

    assert GoldChange(book(before, after)).parts == (("p/a.py", "p/b.py"),)


def test_tests_that_change_alone_are_the_work() -> None:
    change = GoldChange(book({"tests/test_a.py": "x = 1\n"}, {"tests/test_a.py": "x = 2\n"}))

    assert change.code == ("tests/test_a.py",)
    assert change.tests == ()


@given(books())
def test_parts_hold_every_changed_file_once(drawn: GoldBook) -> None:
    change = GoldChange(drawn)

    assert sorted(path for part in change.parts for path in part) == sorted(drawn.after)


@given(books())
def test_dependencies_never_go_both_ways(drawn: GoldBook) -> None:
    change = GoldChange(drawn)

    for one in change.order:
        for other in change.order:
            assert not (change.depends([one], [other]) and change.depends([other], [one]))
            assert not change.depends([one], [one])
