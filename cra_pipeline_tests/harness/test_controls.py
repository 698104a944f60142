"""Controls are drawn by a task's id and are whole files of that very task."""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.harness.controls import CATEGORIES, drawn, forge
from cra_pipeline.harness.forging.target import Target

TARGET = Target(
    sources={"src/pkg/a.py": "from __future__ import annotations\n\nX = 1", "src/pkg/new.py": ""},
    import_roots=("src",),
    test_files=("tests/test_a.py",),
    fail_to_pass=('tests/test_a.py::A::B::test_b[it\'s-"x"]', "tests/test_a.py::A::B::test_c"),
    pass_to_pass=("tests/test_a.py::test_d[1]", "tests/test_a.py::test_d[2]"),
)
IN_SOURCE = {
    *("exit_at_import", "forged_junit_then_exit", "patched_report_class", "always_equal_object"),
    *("module_level_skip", "forged_channel_lines", "rewritten_outcome", "xfail_from_inside"),
}


def test_there_are_fourteen() -> None:
    assert len(CATEGORIES) == 14


@given(st.text())
def test_a_draw_repeats_and_has_three_different_ones(task_id: str) -> None:
    assert drawn(task_id) == drawn(task_id)
    assert len({*drawn(task_id)}) == 3
    assert drawn(task_id, 14) == tuple(sorted(CATEGORIES))


def test_every_category_is_drawn_about_equally_often() -> None:
    counts = Counter(name for number in range(700) for name in drawn(f"repo-{number:012x}"))

    assert counts.keys() == CATEGORIES.keys()
    assert min(counts.values()) > 100


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_a_forger_writes_python_that_parses_and_repeats(category: str) -> None:
    edits = forge(category, TARGET)

    assert edits == forge(category, TARGET)
    assert edits
    for path, text in edits.items():
        assert not path.startswith(("/", "."))
        if path.endswith(".py"):
            ast.parse(text)


@pytest.mark.parametrize("category", sorted(IN_SOURCE))
def test_a_forger_in_the_source_keeps_what_was_there(category: str) -> None:
    edits = forge(category, TARGET)

    assert edits.keys() == TARGET.sources.keys()
    assert all(edits[path].startswith(text) for path, text in TARGET.sources.items())


@pytest.mark.parametrize("category", sorted(IN_SOURCE))
def test_a_task_without_sources_cannot_be_forged_in_its_source(category: str) -> None:
    bare = Target(sources={}, import_roots=(), test_files=(), fail_to_pass=(), pass_to_pass=())

    with pytest.raises(ValueError, match="no source files"):
        forge(category, bare)


def test_an_edited_test_has_the_expected_names() -> None:
    module = ast.parse(forge("edited_test", TARGET)["tests/test_a.py"])
    names = [node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]

    assert sorted(names) == ["test_b", "test_c", "test_d"]


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(ValueError, match="hard_coded"):
        forge("hard_coded", TARGET)
