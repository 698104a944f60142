"""New tests earn their place by a fault that the old ones overlook."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.diffs import TreeChange
from cra_pipeline.harness.policy import TaskPolicy, VerdictPolicy
from cra_pipeline.harness.suspects import suspects
from cra_pipeline.harness.testplans import Exam, judge_tests, prove_tests
from cra_pipeline_tests.harness.benches import SOURCE, TESTS, blob, problem_of

POLICY = TaskPolicy()
CODE = "def f():\n    return 1\n\n\ndef g():\n    return 5\n"
OLD = "old needs 5\n"
NEW = "old needs 5\nnew needs 1\n"


def exam_of(new: str = NEW, old: str = OLD, new_tests: tuple[str, ...] = ("new",)) -> Exam:
    problem, bench = problem_of(CODE, CODE, old, new, source_files=())
    return Exam(
        problem=problem,
        bench=bench,
        sources={SOURCE: blob(CODE)},
        suspects=suspects({SOURCE: CODE}, ["f()"], limit=8, seed="s"),
        new_tests={TESTS: new_tests},
        old_files=(TESTS,),
    )


def test_tests_that_kill_what_the_old_ones_let_live_are_a_task() -> None:
    row = prove_tests(exam_of(), POLICY)

    assert row.admitted
    assert row.kind == "tests-only"
    assert row.fail_to_pass == (f"{TESTS}::new",)
    assert row.pass_to_pass == (f"{TESTS}::old",)
    assert row.mutants_killed == len(row.mutants) == 2
    assert row.mutants[0].startswith(f"{SOURCE}:2:")
    assert [item.category for item in row.controls] == ["noop", "always_passing", "empty_tests"]
    assert {item.outcome for item in row.controls} == {Outcome.FAILED}


@pytest.mark.parametrize(
    ("new", "old", "new_tests", "reason"),
    [
        ("old needs 5\nnew needs def\n", OLD, ("new",), "no_mutant_killed"),
        ("old needs 1\nnew needs 1\n", "old needs 1\n", ("new",), "no_mutant_killed"),
        (OLD, OLD, (), "no_new_tests"),
        ("new needs nothing\n", OLD, ("new",), "gold_fails"),
        ("new needs 1\nold lacks end.\n", OLD, ("new",), "gold_pins_source"),
        ("new seed 1\n", OLD, ("new",), "all_tests_flaky"),
        ("new hangs 1\n", OLD, ("new",), "gold_timed_out"),
        ("new breaks 1\n", OLD, ("new",), "sandbox_error"),
    ],
)
def test_other_tests_are_refused_with_their_reason(
    new: str, old: str, new_tests: tuple[str, ...], reason: str
) -> None:
    row = prove_tests(exam_of(new, old, new_tests), POLICY)

    assert (row.reason, row.admitted) == (reason, False)


def test_tests_of_a_commit_that_read_the_source_are_no_task() -> None:
    row = prove_tests(exam_of("import linecache\n", OLD, ("import",)), POLICY)

    assert (row.admitted, row.reason) == (False, "gold_trips_scan")
    assert row.evidence == f"{TESTS}:1: reads_source: linecache"


def test_survivors_are_named_as_what_the_tests_do_not_see() -> None:
    row = prove_tests(exam_of("old needs 5\nnew needs def\n"), POLICY)

    assert row.weak_tests
    assert all(name.startswith(SOURCE) for name in row.weak_tests)


@pytest.mark.parametrize(
    ("tests", "outcome", "reason"),
    [
        ("old needs 5\nmine needs 1\n", Outcome.PASSED, ""),
        ("old needs 5\nmine needs def\n", Outcome.FAILED, "no_mutant_killed"),
        ("old needs 5\nmine needs nothing\n", Outcome.FAILED, "fail_to_pass_failed"),
        ("mine needs 1\n", Outcome.FAILED, "pass_to_pass_failed"),
        ("", Outcome.FAILED, "pass_to_pass_failed"),
        ("old needs 5\nmine hangs 1\n", Outcome.TIMED_OUT, "timed_out"),
    ],
)
def test_other_tests_for_the_task_are_judged_by_its_mutants(
    tests: str, outcome: Outcome, reason: str
) -> None:
    exam = exam_of()
    row = prove_tests(exam, POLICY)
    known = tuple(item for item in exam.suspects if item.name in row.mutants)
    # A change of the source counts for nothing here.
    candidate = TreeChange(
        {TESTS: blob(OLD), SOURCE: blob(CODE)}, {TESTS: blob(tests), SOURCE: blob("nothing")}
    )
    tally = judge_tests(
        row, replace(exam, suspects=known), candidate, seeds=(0, 0), policy=VerdictPolicy()
    )

    assert (tally.outcome, tally.reason) == (outcome, reason)


def judged(tests: dict[str, str]) -> tuple[str, str]:
    exam = exam_of()
    row = prove_tests(exam, POLICY)
    known = tuple(item for item in exam.suspects if item.name in row.mutants)
    after = {path: blob(text) for path, text in tests.items()}
    tally = judge_tests(
        row,
        replace(exam, suspects=known),
        TreeChange({TESTS: blob(OLD)}, after),
        seeds=(0, 0),
        policy=VerdictPolicy(),
    )
    return tally.outcome.value, tally.reason


def test_tests_that_pin_the_source_are_refused() -> None:
    # The word bench sees "end." only in the equivalent source.
    assert judged({TESTS: NEW + "pinned lacks end.\n"}) == ("failed", "pins_source")


def test_steering_files_of_a_candidate_are_dropped() -> None:
    steering = {"tests/conftest.py": "import os\nos._exit(0)\n", "setup.cfg": "1 5"}

    assert judged({TESTS: NEW, **steering}) == ("passed", "")


def test_tests_that_read_the_source_are_refused() -> None:
    spy = "import pkg.a\nopen(pkg.a.__file__)\n"

    assert judged({TESTS: NEW, "tests/spy.py": spy})[1] == "forbidden_edit"
