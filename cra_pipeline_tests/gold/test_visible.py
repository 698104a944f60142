"""When a log is worth learning from."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.gold.edits import Edit, written
from cra_pipeline.gold.visible import reproduced, usable
from cra_pipeline_tests.gold.books import book, call, context, step_prompt

_BEFORE = {"a.py": "x = 1\n", "tests/test_a.py": "import a\n"}
_BOOK = book(_BEFORE, {"a.py": "x = 2\n", "tests/test_a.py": "import a\ny = 1\n"})
_PLANNED = call("meta_plan", context("t", {"a.py": "x = 1\n"}), "{}")
_TESTED = call("test_plan", context("tests/test_a.py", {}), "{}")
_EDITED = call(
    "implement",
    step_prompt("Do", ["a.py"], {"a.py": "x = 1\n"}),
    written([Edit("a.py", "x = 1", "x = 2")]),
)


def test_a_log_that_shows_everything_is_usable() -> None:
    assert usable(_BOOK, [_PLANNED, _TESTED, _EDITED]) == (True, "")


def test_decomposed_planning_counts_as_planning() -> None:
    enumerated = call("change_point_enum", _PLANNED.prompt, "{}")

    assert usable(_BOOK, [enumerated, _TESTED, _EDITED]) == (True, "")


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        ([call("meta_plan", context("a.py", {}), "{}"), _TESTED], "a.py: not shown"),
        ([_PLANNED, call("test_plan", context("t", {}), "{}")], "tests/test_a.py: not named"),
        (
            [_PLANNED, _TESTED, call("implement", step_prompt("x = 1", [], {}), _EDITED.response)],
            "",
        ),
        (
            [_PLANNED, _TESTED, call("implement", step_prompt("Do", [], {}), _EDITED.response)],
            "a.py: call 0 searches 'x = 1', which is not shown",
        ),
        ([_PLANNED, _TESTED, call("implement", _EDITED.prompt, "sorry")], "without edits"),
    ],
)
def test_the_first_miss_is_told(calls: list[CallRecord], reason: str) -> None:
    verdict, told = usable(_BOOK, calls)

    assert verdict is (not reason)
    assert reason in told


def test_a_call_that_failed_shows_nothing() -> None:
    failed = _PLANNED.model_copy(update={"finish": "error"})

    assert not usable(_BOOK, [failed, _TESTED])[0]


def test_every_changed_file_must_end_as_the_commit_leaves_it() -> None:
    assert reproduced(_BOOK, _BOOK.after) == (True, "")
    assert reproduced(_BOOK, {**_BOOK.after, "a.py": "x = 3\n"})[0] is False
    assert reproduced(_BOOK, {"a.py": "x = 2\n"}) == (
        False,
        "tests/test_a.py: not as the commit leaves it",
    )
