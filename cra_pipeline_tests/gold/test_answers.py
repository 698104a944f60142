"""Plans are read for the files that they name, whatever shape they have."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.answers import entries_in, files_in
from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.plans import Planner
from cra_pipeline_tests.gold.books import book

_PARTS = json.dumps({"parts": [{"affected_files": ["a.py", "b.py"]}, {"affected_files": ["a.py"]}]})


@pytest.mark.parametrize(
    ("kind", "answer", "files"),
    [
        ("meta_plan", _PARTS, ("a.py", "b.py")),
        ("meta_plan", f"```json\n{_PARTS}\n```", ("a.py", "b.py")),
        ("test_plan", _PARTS, ()),
        ("scope", "yes", ()),
        ("part_plan", "no JSON", ()),
        ("part_plan", '{"steps": [{"target_files": "a.py"}, 7]}', ("a.py",)),
        ("symbol_targeting", '{"targets": [{"file_path": "a.py"}, {"file_path": 3}]}', ("a.py",)),
        ("adjustment", '{"revised_steps": [{"target_files": ["a.py", 1]}]}', ("a.py",)),
        ("meta_plan", "[" * 10**6, ()),
        ("meta_plan", '{"parts": ' + "[" * 10**6, ()),
    ],
)
def test_files_are_where_the_kind_of_answer_has_them(
    kind: str, answer: str, files: tuple[str, ...]
) -> None:
    assert files_in(kind, answer) == files


def test_every_plan_of_the_commits_own_is_read() -> None:
    change = GoldChange(book({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"}))
    planner = Planner("Make it so", change)
    answers = {
        "meta_plan": planner.meta_plan(),
        "part_plan": planner.part_plan(["a.py"], edges=True),
        "step_design": planner.part_plan(["a.py"], edges=False),
        "test_plan": planner.test_plan(["a.py"]),
        "change_point_enum": planner.change_points(),
        "part_grouping": planner.grouping(["a.py"]),
        "symbol_targeting": planner.targets(["a.py"]),
    }

    assert {files_in(kind, answer) for kind, answer in answers.items()} == {("a.py",)}


@given(st.text())
def test_any_text_has_entries_or_none(text: str) -> None:
    assert entries_in(text, "parts") == []
