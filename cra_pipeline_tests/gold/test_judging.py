"""Yes and no."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.calls import IndexedSymbol
from cra_pipeline.gold.allocation import Allocation, Showing
from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.judging import Level, alike, kept, level
from cra_pipeline.gold.prompts import AskedFiles, AskedFunction, AskedSymbol
from cra_pipeline_tests.gold.books import book

_OLD = (
    "class Box:\n    def open(self):\n        return 1\n\n    def close(self):\n        return 1\n"
    "\n\ndef other(x):\n    return helper_name(x)\n"
)
_CHANGE = GoldChange(
    book(
        {"a.py": _OLD, "b.py": "def helper_name(x):\n    return x\n"},
        {"a.py": _OLD.replace("return 1", "return 2", 1).replace("name(x)", "name(1)")},
    )
)
_WORDS = frozenset({"helper_name"})


@pytest.mark.parametrize(
    ("showing", "name", "lines", "expected"),
    [
        (Showing.WHOLE, "Box", (1, 6), Level.PRIMARY),
        (Showing.WHOLE, "open", (2, 3), Level.PRIMARY),
        (Showing.WHOLE, "close", (5, 6), Level.EXCLUDED),
        (Showing.WHOLE, "helper_name", (5, 6), Level.SIGNATURE),
        (Showing.EXCERPT, "Box", (1, 6), Level.EXCLUDED),
        (Showing.EXCERPT, "open", (2, 3), Level.SUPPORTING),
        (Showing.SIGNATURES, "open", (2, 3), Level.SIGNATURE),
        (Showing.SIGNATURES, "close", (5, 6), Level.EXCLUDED),
        (None, "open", (2, 3), Level.EXCLUDED),
    ],
)
def test_symbols_get_the_level_that_shows_their_file_as_allocated(
    showing: Showing | None, name: str, lines: tuple[int, int], expected: Level
) -> None:
    allocation = Allocation({"a.py": showing} if showing else {}, 0, 0, _WORDS)

    assert level(_CHANGE, allocation, AskedSymbol("a.py", name, *lines)) is expected


def test_helpers_give_the_signature_of_what_is_used() -> None:
    allocation = Allocation({"b.py": Showing.HELPER}, 0, 0, _WORDS)

    assert level(_CHANGE, allocation, AskedSymbol("b.py", "helper_name", 1, 2)) is Level.SIGNATURE
    assert level(_CHANGE, allocation, AskedSymbol("b.py", "else_", 3, 4)) is Level.EXCLUDED


def _function(name: str, lines: int = 2) -> AskedFunction:
    return AskedFunction(name, "function", lines)


def test_functions_are_alike_where_the_commit_does_the_same_to_both() -> None:
    parts = [
        "def one(x):\n    return 1",
        "def two(x):\n    return 1",
        "def three(x):\n    return 3",
    ]
    old = "\n\n\n".join([*parts, ""])
    change = GoldChange(book({"a.py": old}, {"a.py": old.replace("1", "2").replace("3", "4")}))

    assert alike(change, _function("one"), _function("two"))
    assert not alike(change, _function("one"), _function("three"))
    assert not alike(change, _function("one"), _function("one"))
    assert not alike(change, _function("one"), _function("two", 9))


def test_functions_of_different_files_are_never_alike() -> None:
    before = {"a.py": "def one(x):\n    return 1\n", "b.py": "def two(x):\n    return 1\n"}
    change = GoldChange(
        book(before, {path: text.replace("1", "2") for path, text in before.items()})
    )

    assert not alike(change, _function("one"), _function("two"))


def test_a_name_with_two_meanings_is_alike_to_nothing() -> None:
    old = "def one(x):\n    return 1\n\n\ndef two(x):\n    return 1\n"
    made = book({"a.py": old}, {"a.py": old.replace("1", "2")})
    twin = IndexedSymbol(path="c.py", name="one", kind="function", start_line=1, end_line=2)
    change = GoldChange(made)
    change.symbols["c.py"] = (twin,)

    assert not alike(change, _function("one"), _function("two"))


def test_the_pass_keeps_its_own_files_first_and_within_the_budget() -> None:
    asked = AskedFiles(100, (("other.py", 30), ("a.py", 60), ("huge.py", 500), ("c.py", 20)))

    assert kept(("huge.py", "a.py"), _CHANGE, asked) == ["a.py", "other.py"]
