"""How near answers come to the right ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.harness.answer_scores import score
from cra_pipeline.kinds import CALL_KINDS

EDIT = (
    '<edit file="a.py">\n<search>\nx = 1\ny = 2\n</search>\n'
    "<replacement>\nx = 1\ny = {}\n</replacement>\n</edit>"
)
RIGHT_EDIT = EDIT.format(3)
_POINT = {"change_type": "modify", "rationale": "r"}


def points(*pairs: tuple[str, str]) -> str:
    found = [{"file_path": path, "symbol": symbol, **_POINT} for path, symbol in pairs]
    return json.dumps({"task_summary": "s", "change_points": found})


def parts(*paths: str) -> str:
    part = {"id": "p1", "description": "d", "affected_files": list(paths), "depends_on": []}
    return json.dumps({"task_summary": "s", "parts": [part], "rationale": "r"})


@pytest.mark.parametrize(
    ("kind", "response", "right", "expected"),
    [
        ("implement", RIGHT_EDIT, RIGHT_EDIT, 1.0),
        ("implement", EDIT.format(4), RIGHT_EDIT, 0.5),  # the right line goes, a wrong one comes
        ("implement", RIGHT_EDIT.replace("a.py", "b.py"), RIGHT_EDIT, 0.0),
        ("implement", "no edits", RIGHT_EDIT, 0.0),
        ("implement", RIGHT_EDIT, "", None),
        ("meta_plan", parts("a.py", "b.py"), parts("a.py"), 2 / 3),
        ("meta_plan", "no plan", parts("a.py"), 0.0),
        ("change_point_enum", points(("a.py", "f")), points(("a.py", "f"), ("a.py", "g")), 2 / 3),
        ("change_point_enum", "{}", points(("a.py", "f")), 0.0),
        ("assembly_refilter", '["a.py"]', '["a.py", "b.py", "c.py"]', 0.5),
        ("assembly_refilter", '{"a": 1}', '["a.py"]', 0.0),
        ("assembly_refilter", "[" * 100_000, '["a.py"]', 0.0),
        ("assembly_refilter", "[]", "[]", 1.0),
        ("scope", "yes", "yes", None),
        ("task_analysis", "Change a.py.", "Change a.py.", None),
        ("unheard_of", "a", "a", None),
    ],
)
def test_answers_are_measured_by_what_both_name(
    kind: str, response: str, right: str, expected: float | None
) -> None:
    assert score(kind, response, right) == (None if expected is None else pytest.approx(expected))


@given(st.sampled_from(sorted(CALL_KINDS)), st.text(max_size=80), st.text(max_size=80))
def test_whatever_was_said_has_a_measure_or_none(kind: str, response: str, right: str) -> None:
    found = score(kind, response, right)

    assert found is None or 0.0 <= found <= 1.0
