"""When a log is worth learning from."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.gold.edits import Edit, written
from cra_pipeline.gold.visible import reproduced, usable
from cra_pipeline_tests.gold.books import book, call, context, step_prompt

_BEFORE = {"a.py": "x = 1\n", "tests/test_a.py": "import a\n"}
_BOOK = book(_BEFORE, {"a.py": "x = 2\n", "tests/test_a.py": "import a\ny = 1\n"})
_PLANNED = call("meta_plan", context("t", {"a.py": "x = 1\n"}), "{}")
_TESTED = call("test_plan", context("tests/test_a.py", {}), "{}")
_ANSWER = written([Edit("a.py", "x = 1", "x = 2")])
_EDITED = call("implement", step_prompt("Do", ["a.py"], {"a.py": "x = 1\n"}), _ANSWER)
_COVERED = call(
    "test_implement",
    step_prompt("Do", ["tests/test_a.py"], {"tests/test_a.py": "import a\n"}, number="t1"),
    written([Edit("tests/test_a.py", "import a", "import a\ny = 1")]),
)
_ALL = (_PLANNED, _TESTED, _EDITED, _COVERED)


def test_a_log_that_shows_everything_is_usable() -> None:
    assert usable(_BOOK, _ALL) == (True, "")


def test_decomposed_planning_counts_as_planning() -> None:
    enumerated = call("change_point_enum", _PLANNED.prompt, "{}")

    assert usable(_BOOK, [enumerated, *_ALL[1:]]) == (True, "")


def _step(prompt: str, answer: str = _ANSWER) -> tuple[CallRecord, ...]:
    return (_PLANNED, _TESTED, call("implement", prompt, answer), _COVERED)


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        ([call("meta_plan", context("a.py", {}), "{}"), *_ALL[1:]], "a.py: not shown"),
        ([call("meta_plan", context("t", {"a.py": ""}), "{}"), *_ALL[1:]], "a.py: not shown"),
        ([*_ALL, call("meta_plan", context("t", {"b.py": "x"}), "{}")], "a.py: not shown"),
        (_ALL[1:], "a.py: not shown"),
        ([_PLANNED, call("test_plan", context("t", {}), "{}"), *_ALL[2:]], "not named"),
        (
            [_PLANNED, call("test_plan", context("old/tests/test_a.py", {}), "{}"), *_ALL[2:]],
            "tests/test_a.py: not named",
        ),
        (_step(step_prompt("Do", ["a.py"], {})), "a.py: call 0 searches 'x = 1', which is not"),
        (_step(step_prompt("x = 1", ["a.py"], {})), "which is not shown"),
        (_step(step_prompt("Do", ["a.py"], {"b.py": "x = 1\n"})), "which is not shown"),
        (_step(step_prompt("Do", ["a.py"], {"a.py": "x = 7\n"})), "which is not shown"),
        (_step(_EDITED.prompt, "sorry"), "without edits"),
        (_step("Change a.py"), "without edits"),
        (_ALL[:3], "tests/test_a.py: no answer edits it"),
        ([*_ALL[:2], _COVERED], "a.py: no answer edits it"),
    ],
)
def test_the_first_miss_is_told(calls: Sequence[CallRecord], reason: str) -> None:
    verdict, told = usable(_BOOK, calls)

    assert not verdict
    assert reason in told


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("meta_plan", {"parts": [{"affected_files": ["a.py", "b.py"]}]}),
        ("part_plan", {"steps": [{"target_files": ["b.py"]}]}),
        ("change_point_enum", {"change_points": [{"file_path": "b.py"}]}),
    ],
)
def test_a_plan_names_only_what_its_prompt_names(kind: str, answer: object) -> None:
    planned = call(kind, _PLANNED.prompt, json.dumps(answer))
    told = call(kind, context("Mind b.py", {"a.py": "x = 1\n"}), planned.response)

    assert (
        usable(_BOOK, [*_ALL, planned])[1]
        == "b.py: call 0 plans it, but its prompt does not name it"
    )
    assert usable(_BOOK, [*_ALL, told])[0]


def test_documentation_is_edited_where_it_is_shown() -> None:
    prompt = "<environment>\nOS: z\n</environment>\n# File: a.py\nx = 2\n# Now\n"
    seen = call("documentation", prompt, written([Edit("a.py", "# Now", "# Then")]))
    unseen = call("documentation", prompt, written([Edit("a.py", "OS: z", "OS: y")]))
    none = call("documentation", prompt, "Nothing is to be done.")

    assert usable(_BOOK, [*_ALL, seen, none]) == (True, "")
    assert not usable(_BOOK, [*_ALL, unseen])[0]


def test_a_call_that_failed_shows_nothing() -> None:
    failed = _PLANNED.model_copy(update={"finish": "error"})

    assert not usable(_BOOK, [failed, *_ALL[1:]])[0]


def test_every_changed_file_must_end_as_the_commit_leaves_it() -> None:
    assert reproduced(_BOOK, _BOOK.after) == (True, "")
    assert reproduced(_BOOK, {**_BOOK.after, "a.py": "x = 3\n"})[0] is False
    assert reproduced(_BOOK, {"a.py": "x = 2\n"}) == (
        False,
        "tests/test_a.py: not as the commit leaves it",
    )
