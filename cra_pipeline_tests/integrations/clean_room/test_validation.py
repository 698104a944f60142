"""Which failures of the agent's own tests count, decided from what a session told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.testrun import TestResult
from cra_pipeline.integrations.clean_room.validation import (
    Expected,
    expectation,
    failures,
    functions_of,
    status,
)
from cra_pipeline.integrations.testrun.protocol import Line
from cra_pipeline_tests.integrations.clean_room.beds import OLD_TEST, Bed

TESTS = "tests/test_till.py"
HIDDEN_TEST = f"{TESTS}::test_a_discount_is_taken_off"
TEXT = """
import pytest

if True:
    def test_conditional(): pass

class TestTill:
    async def test_inner(self): pass
    class TestDeep:
        def test_deep(self):
            def test_local(): pass

try:
    import nothing
except ImportError:
    def helper(): pass
"""


def sides(bed: Bed) -> tuple[dict[str, str], dict[str, str]]:
    """Text of the test file before and after."""
    before, after = bed.materials.before, bed.materials.after
    return {TESTS: before[TESTS].content.decode()}, {TESTS: after[TESTS].content.decode()}


def test_what_stood_is_told_from_what_the_commit_adds(bed: Bed) -> None:
    expected = expectation(bed.task, *sides(bed))

    assert expected.files == (TESTS,)
    assert expected.base == expected.base_passing == {OLD_TEST}
    assert len(expected.hidden) == 3
    assert expected.hidden_passing == {HIDDEN_TEST}


def test_files_without_an_expected_test_are_not_run(bed: Bed) -> None:
    task = bed.task.model_copy(update={"test_files": (TESTS, "tests/test_red.py")})
    expected = expectation(task, {"tests/test_red.py": "def test_x(): pass"}, {})

    assert expected.files == (TESTS,)
    assert expected.base == expected.base_passing == frozenset()


def test_functions_are_found_wherever_pytest_would_find_them() -> None:
    assert list(functions_of("t.py", TEXT)) == [
        "t.py::test_conditional", "t.py::TestTill::test_inner",
        "t.py::TestTill::TestDeep::test_deep",
    ]  # fmt: skip


@given(st.text())
def test_no_text_breaks_the_search_for_functions(text: str) -> None:
    assert all(name.startswith("t.py::") for name in functions_of("t.py", text))


KNOWN = Expected(
    files=("t.py",),
    base=frozenset({"t.py::test_old", "t.py::test_red", "t.py::TestDead::test_x"}),
    base_passing=frozenset({"t.py::test_old[1]", "t.py::test_old[2]"}),
    hidden=frozenset({"t.py::test_new", "t.py::test_flaky"}),
    hidden_passing=frozenset({"t.py::test_new"}),
)


def ended(name: str, result: TestResult = TestResult.FAILED) -> Line:
    return Line(kind="test", id=f"t.py::{name}", result=result)


def uncollected(node: str) -> Line:
    return Line(kind="collect", id=node, detail="boom")


COUNTED = {
    "a test that passed at the base": (ended("test_old[1]"), True),
    "its parameter that did not": (ended("test_old[3]"), False),
    "a test that was red at the base": (ended("test_red"), False),
    "a hidden test that the right change makes pass": (ended("test_new"), True),
    "a hidden test that is red even then": (ended("test_flaky"), False),
    "one of its parameters": (ended("test_flaky[a]"), False),
    "a test that nobody knows": (ended("test_mine[1]"), True),
    "an error in its set-up": (ended("test_mine", TestResult.ERROR), True),
    "one that passes": (ended("test_mine", TestResult.PASSED), False),
    "one that is skipped": (ended("test_old[1]", TestResult.SKIPPED), False),
    "one that was meant to fail": (ended("test_old[1]", TestResult.XFAILED), False),
    "a file that gave tests": (uncollected("t.py"), True),
    "a class that gave none": (uncollected("t.py::TestDead"), False),
    "a class that nobody knows": (uncollected("t.py::TestMine"), True),
    "a new file": (uncollected("new.py"), True),
    "the whole session": (uncollected(""), True),
    "an item that was only collected": (Line(kind="item", id="t.py::test_mine"), False),
}


@pytest.mark.parametrize("what", sorted(COUNTED))
def test_the_command_fails_for_what_counts_alone(what: str) -> None:
    line, counts = COUNTED[what]
    found = failures(KNOWN, [ended("test_old[2]", TestResult.PASSED), line])

    assert found == ((line.id,) if counts else ())
    assert status(1, found) == int(counts)


def test_a_base_that_gave_nothing_need_not_be_collected() -> None:
    dead = Expected(
        files=("t.py",),
        base=frozenset({"t.py::test_x"}),
        base_passing=frozenset(),
        hidden=frozenset(),
        hidden_passing=frozenset(),
    )

    assert failures(dead, [uncollected("t.py"), uncollected("")]) == ()


@pytest.mark.parametrize("code", [2, 3, 4])
def test_an_interrupted_or_broken_session_stays_what_it_is(code: int) -> None:
    assert status(code, ()) == code


@pytest.mark.parametrize("code", [0, 1, 5])
def test_a_session_that_came_to_its_end_is_judged_by_its_failures(code: int) -> None:
    assert status(code, ()) == 0
    assert status(code, ("t.py::test_old[1]",)) == 1


def test_a_test_that_failed_twice_is_named_once() -> None:
    assert failures(KNOWN, [ended("test_mine"), ended("test_mine")]) == ("t.py::test_mine",)
