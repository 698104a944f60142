"""Faults are small, parse, and stay where they may be."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline import diffs
from cra_pipeline.mutations import Mutation, mutation_at, mutations, near_misses, spread


def spoiled(source: str, kind: str) -> list[str]:
    return [item.text for item in mutations(source) if item.kind == kind]


@pytest.mark.parametrize(
    ("source", "kind", "expected"),
    [
        ("if a == 1:\n    b()\n", "negated_condition", "if (not (a == 1)):\n    b()\n"),
        ("x = 1 if a else 2\n", "negated_condition", "x = 1 if (not (a)) else 2\n"),
        ("x = a == b\n", "comparison_swapped", "x = a != b\n"),
        ("x = a  not  in b\n", "comparison_swapped", "x = a  in b\n"),
        ("x = (a) is (b)\n", "comparison_swapped", "x = (a) is not (b)\n"),
        ("x = a < b\n", "off_by_one", "x = a <= b\n"),
        ("x = y[0]\r\n", "off_by_one", "x = y[1]\r\n"),
        ("x = 1.5\n", "wrong_constant", "x = 2.5\n"),
        ("x = 'é'\n", "wrong_constant", "x = 'éXX'\n"),
        ("x = '''a\nb'''\n", "wrong_constant", "x = '''a\nbXX'''\n"),
        ("x = a and b\n", "boolean_swapped", "x = a or b\n"),
        ("x = True\n", "boolean_swapped", "x = False\n"),
        ("def f():\n    g(\n        1\n    )\n", "dropped_statement", "def f():\n    pass\n"),
        ("\ufeffx = True\n", "boolean_swapped", "\ufeffx = False\n"),
    ],
)
def test_each_kind_edits_its_place_and_nothing_else(source: str, kind: str, expected: str) -> None:
    assert expected in spoiled(source, kind)


@pytest.mark.parametrize(
    "source",
    [
        '"""Docs of 1 module."""\n',
        "def f(a: 'int') -> 'str': ...\n",
        "x: 'int'\n",
        "while a:\n    pass\n",
        "x = f'{a == 1}'\n",
        "import os\n",
        "this is no Python\n",
        "x = 'a\0b'\n",
    ],
)
def test_what_no_test_can_see_is_left_alone(source: str) -> None:
    assert mutations(source) == ()


def test_only_the_given_lines_are_touched() -> None:
    source = "a = 1\nb = 2\nc = 3\n"

    assert [item.line for item in mutations(source, {2})] == [2]


def test_a_fault_that_reaches_beyond_the_given_lines_is_left_out() -> None:
    source = "def f():\n    g(\n        x\n    )\n"

    assert mutations(source, {2, 3}) == ()
    assert [item.kind for item in mutations(source, {2, 3, 4})] == ["dropped_statement"]


@pytest.mark.parametrize("module", [diffs, textwrap])
def test_every_mutation_of_real_code_parses_and_edits_a_bracket_at_most(module: object) -> None:
    source = inspect.getsource(module)  # type: ignore[arg-type]  # modules of several kinds
    found = mutations(source)

    assert len(found) > 20
    assert len({item.text for item in found}) == len(found)
    for item in found:
        ast.parse(item.text)
        # A condition over several lines is wrapped: its first and last line change.
        assert len(diffs.changes(source, item.text)) <= (1 + (item.kind == "negated_condition"))


BEFORE = {
    "a.py": "def f(x):\n    return x\n\n\n\ndef g(x):\n    return x\n",
    "b.py": "B = 'b'\n",
}
AFTER = {
    "a.py": "def f(x):\n    return x + 1\n\n\n\ndef g(x):\n    return x if x > 2 else 0\n",
    "b.py": "B = 'c'\n",
    "new.py": "N = True\n",
}


def test_near_misses_are_never_the_base_nor_the_right_change() -> None:
    found = near_misses(BEFORE, AFTER)

    assert {"dropped_hunk", "missing_file", "off_by_one", "wrong_constant"} <= {
        item.kind for item in found
    }
    assert all(dict(item.files) not in (BEFORE, AFTER) for item in found)
    assert len({item.files for item in found}) == len(found)
    assert len({(item.kind, item.number) for item in found}) == len(found)


def test_a_dropped_hunk_keeps_the_other_hunk() -> None:
    found = [item for item in near_misses(BEFORE, AFTER) if item.kind == "dropped_hunk"]

    assert [dict(item.files)["a.py"].count("+ 1") for item in found] == [0, 1]


def test_a_missing_file_is_back_at_the_base() -> None:
    found = {
        item.path: dict(item.files)
        for item in near_misses(BEFORE, AFTER)
        if item.kind == "missing_file"
    }

    assert found["b.py"]["b.py"] == BEFORE["b.py"]
    assert "new.py" not in found["new.py"]


def test_faults_lie_in_added_lines_only() -> None:
    kinds = {"dropped_hunk", "missing_file"}
    for item in near_misses(BEFORE, AFTER):
        if item.kind not in kinds:
            changed = diffs.changes(AFTER[item.path], dict(item.files)[item.path])
            right = diffs.changes(BEFORE.get(item.path, ""), AFTER[item.path])
            added = {line for part in right for line in part.new}

            assert {line for part in changed for line in part.old} <= added


def test_one_hunk_in_one_file_cannot_be_dropped() -> None:
    found = near_misses({"a.py": "x = 1\n"}, {"a.py": "x = 5\n"})

    assert {item.kind for item in found} == {"off_by_one"}


@given(st.permutations(range(9)), st.integers(0, 9), st.text())
def test_a_draw_hangs_on_the_seed_and_never_on_the_order(
    order: list[int], limit: int, seed: str
) -> None:
    all_of_them = [Mutation(f"k{number % 3}", number, 0, "") for number in range(9)]
    drawn = spread([all_of_them[number] for number in order], limit, seed)

    assert drawn == spread(all_of_them, limit, seed)
    assert len(drawn) == limit
    assert len({item.kind for item in drawn}) == min(limit, 3)


def test_a_limited_draw_is_part_of_all_and_hangs_on_the_seed() -> None:
    source = inspect.getsource(ast)
    few, others = mutations(source, limit=9, seed="a"), mutations(source, limit=9, seed="b")

    assert len(few) == len(others) == 9
    assert few == mutations(source, limit=9, seed="a")
    assert few != others
    assert len({item.kind for item in few}) == 6
    assert [(item.line, item.column) for item in few] == sorted(
        (item.line, item.column) for item in few
    )


def test_a_fault_is_found_again_by_its_place_and_kind() -> None:
    source = inspect.getsource(textwrap)

    for item in mutations(source, limit=20):
        assert mutation_at(source, item.line, item.column, item.kind) == item
    assert mutation_at(source, 1, 0, "off_by_one") is None
