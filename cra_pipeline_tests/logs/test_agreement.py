"""Answers as the agent reads them."""

from __future__ import annotations

import pytest

from cra_pipeline.logs.agreement import agrees, is_readable

EDIT = '<edit file="a.py">\n<search>\na\n</search>\n<replacement>\nb\n</replacement>\n</edit>'


@pytest.mark.parametrize(
    ("kind", "answer", "readable"),
    [
        ("scope", "no", True),
        ("scope", '{"verdict": "relevant"}', True),
        ("scope", "yes.", False),
        ("scope", "", False),
        ("meta_plan", '{"parts": []}', True),
        ("meta_plan", '```json\n{"parts": []}\n```', True),
        ("meta_plan", 'Here it is: {"parts": []}', False),
        ("meta_plan", "7", False),
        ("meta_plan", "[" * 100_000, False),
        ("implement", EDIT, True),
        ("implement", "I would change a to b", False),
        ("implement", EDIT.removesuffix("</edit>"), False),
        ("task_analysis", "Change the till.", True),
        ("task_analysis", " \n", False),
    ],
)
def test_an_answer_is_readable_in_the_form_of_its_kind(
    kind: str, answer: str, *, readable: bool
) -> None:
    assert is_readable(kind, answer) is readable


@pytest.mark.parametrize(
    ("kind", "answer", "right", "same"),
    [
        ("scope", '{"keep": true}', "yes", True),
        ("scope", "unsure", "no", True),
        ("scope", "unsure", "yes", False),
        ("meta_plan", '```\n{"a": [1]}\n```', '{"a":[1]}', True),
        ("meta_plan", '{"a": [1, 2]}', '{"a": [2, 1]}', False),
        ("meta_plan", "no plan", "no plan", True),
        ("implement", f"\n{EDIT}\n", EDIT, True),
        ("implement", EDIT.replace("b", "c"), EDIT, False),
    ],
)
def test_answers_agree_by_what_they_say(kind: str, answer: str, right: str, *, same: bool) -> None:
    assert agrees(kind, answer, right) is same


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError, match="scaffold"):
        is_readable("scaffold", "yes")
