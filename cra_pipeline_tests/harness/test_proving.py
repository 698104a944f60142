"""A task is admitted by its runs, at the price that they cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cra_pipeline.contracts.tasks import ControlResult, Outcome
from cra_pipeline.diffs import TreeChange
from cra_pipeline.harness.policy import TaskPolicy, VerdictPolicy
from cra_pipeline.harness.proving import judge_candidate, prove, run_controls, with_controls
from cra_pipeline_tests.harness.benches import SOURCE, TESTS, blob, problem_of

POLICY = TaskPolicy()
OLD = "old needs base\n"
NEW = "old needs base\nnew needs right\n"


def test_gold_and_no_op_take_five_runs_and_three_controls_three_more() -> None:
    problem, bench = problem_of("base", "base\nright", OLD, NEW)
    row = prove(problem, bench, POLICY)
    after_proof = bench.runs
    wrong = TreeChange({SOURCE: blob("base")}, {SOURCE: blob("base\nwrong")})
    row = run_controls(
        row, problem, bench, POLICY, categories=["x", "y", "z"], forge=lambda _: wrong
    )

    assert row.admitted
    assert row.reason == ""
    assert row.fail_to_pass == (f"{TESTS}::new",)
    assert row.pass_to_pass == (f"{TESTS}::old",)
    assert row.statement == "Add new"
    assert [run.outcome for run in row.gold_runs] == [Outcome.PASSED] * 3
    assert [run.hash_seed for run in row.gold_runs] == [0, 1, 2]
    assert [item.category for item in row.controls] == ["noop", "x", "y", "z"]
    assert {item.outcome for item in row.controls} == {Outcome.FAILED}
    assert (after_proof, bench.runs) == (5, 8)


@pytest.mark.parametrize(
    ("gold", "tests", "reason", "runs"),
    [
        ("base\nright", "old needs base\n", "no_fail_to_pass", 2),
        ("base\nwrong", NEW, "gold_fails", 2),
        ("base\nright", "new needs right\nslow hangs right\n", "gold_timed_out", 1),
        ("base\nright", "new needs right\nslow hangs base\n", "gold_timed_out", 1),
        ("right", "new needs right\nslow hangs base\n", "base_timed_out", 2),
        ("base\nright", "new breaks right\n", "sandbox_error", 1),
        ("base\nright", "new needs right\nnoise floods right\n", "gold_channel_flooded", 1),
        ("base\nright", "new needs right\nend dies right\n", "gold_signalled", 1),
        ("right", "old needs base\nnew needs right\n", "gold_breaks_tests", 5),
        ("base\nright", "new needs right\nshaky seed 1\n", "", 5),
    ],
)
def test_each_fate_has_its_reason_and_is_found_early(
    gold: str, tests: str, reason: str, runs: int
) -> None:
    problem, bench = problem_of("base", gold, OLD, tests)
    row = prove(problem, bench, POLICY)

    assert (row.reason, row.admitted) == (reason, not reason)
    assert bench.runs == runs


def test_a_flaky_test_is_quarantined_and_its_task_stays() -> None:
    tests = "new needs right\nshaky seed 1\n"
    row = prove(*problem_of("base", "base\nright", OLD, tests), POLICY)

    assert row.admitted
    assert row.quarantined == (f"{TESTS}::shaky",)


def test_gold_that_reaches_for_the_judge_is_refused_before_any_run() -> None:
    problem, bench = problem_of("base", "import _pytest\n", OLD, NEW)
    row = prove(problem, bench, POLICY)

    assert row.reason == "gold_trips_scan"
    assert row.evidence.startswith(f"{SOURCE}:1: ")
    assert bench.runs == 0


def test_a_commit_without_tests_to_run_is_refused() -> None:
    problem, bench = problem_of("base", "base\nright", OLD, NEW)
    row = prove(replace(problem, test_files=()), bench, POLICY)

    assert row.reason == "no_tests_to_run"


def test_a_control_that_scores_ends_the_task() -> None:
    problem, bench = problem_of("base", "base\nright", OLD, NEW)
    row = prove(problem, bench, POLICY)
    row = run_controls(
        row, problem, bench, POLICY, categories=["x", "y"], forge=lambda _: problem.gold
    )

    assert not row.admitted
    assert row.reason == "control_passed:x"
    assert [item.category for item in row.controls] == ["noop", "x"]


def test_a_control_that_could_not_be_run_is_the_machines_fault() -> None:
    row = prove(*problem_of("base", "base\nright", OLD, NEW), POLICY)
    control = ControlResult(category="x", outcome=Outcome.SANDBOX_ERROR, reason="")

    assert with_controls(row, [control]).reason == "sandbox_error"


@pytest.mark.parametrize(
    ("source", "outcome"),
    [("base\nright", Outcome.PASSED), ("right", Outcome.FAILED), ("base", Outcome.FAILED)],
)
def test_hidden_tests_lie_over_whatever_a_candidate_does_to_them(
    source: str, outcome: Outcome
) -> None:
    problem, bench = problem_of("base", "base\nright", OLD, NEW)
    row = prove(problem, bench, POLICY)
    candidate = TreeChange(
        {SOURCE: blob("base"), TESTS: blob(OLD)},
        {SOURCE: blob(source), TESTS: blob("new skips\n"), "tests/test_b.py": blob("b needs x\n")},
    )
    tally = judge_candidate(row, problem, bench, candidate, seeds=(0, 0), policy=VerdictPolicy())

    assert tally.outcome is outcome


def test_a_candidate_that_deletes_the_tests_changes_nothing() -> None:
    problem, bench = problem_of("base", "base\nright", OLD, NEW)
    row = prove(problem, bench, POLICY)
    gone = TreeChange({TESTS: blob(OLD), SOURCE: blob("base")}, {SOURCE: blob("base\nright")})
    tally = judge_candidate(row, problem, bench, gone, seeds=(0, 0), policy=VerdictPolicy())

    assert tally.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "files",
    [
        {"conftest.py": "hook"},
        {"pytest.ini": "[pytest]\naddopts = -k nothing\n"},
        {"sitecustomize.py": "x = 1\n"},
    ],
)
def test_a_candidate_that_steers_the_runner_is_refused_although_its_tests_pass(
    files: dict[str, str],
) -> None:
    problem, bench = problem_of("base", "base\nright", OLD, NEW)
    row = prove(problem, bench, POLICY)
    after = {SOURCE: blob("base\nright"), **{path: blob(text) for path, text in files.items()}}
    candidate = TreeChange({SOURCE: blob("base")}, after)
    tally = judge_candidate(row, problem, bench, candidate, seeds=(0, 0), policy=VerdictPolicy())

    assert (tally.outcome, tally.reason) == (Outcome.FAILED, "forbidden_edit")


@pytest.mark.parametrize("path", ["sitecustomize.py", "conftest.py", "pytest.ini", "helper.pth"])
def test_what_lies_in_the_judges_places_is_not_laid_over_the_tree(path: str) -> None:
    problem, bench = problem_of("base", "base\nright", OLD, NEW)
    row = prove(problem, bench, POLICY)
    candidate = TreeChange({}, {path: blob("right")})
    tally = judge_candidate(row, problem, bench, candidate, seeds=(0, 0), policy=VerdictPolicy())

    assert (tally.outcome, tally.reason) == (Outcome.FAILED, "fail_to_pass_failed")
