"""Tests-only commits: the new tests must notice faults that the old ones overlook.

The source is as it was, so no test can go from red to green; instead small faults are put into
the modules under test. The runs are made through a bench; everything else here is pure.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from cra_pipeline.contracts.tasks import ControlResult, Outcome, TaskRow, TestTally
from cra_pipeline.contracts.testrun import TestResult, TestRunReport
from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.harness.admission import Division, Rejection, named, results, unusable
from cra_pipeline.harness.policy import Seeds, TaskPolicy, VerdictPolicy
from cra_pipeline.harness.problem import Bench, Problem, blob_like, run_over
from cra_pipeline.harness.proving import NOOP, gold_runs, judged, refused, rejected, row_of
from cra_pipeline.harness.scan_tests import scan_tests
from cra_pipeline.harness.selection import is_guarded, steers
from cra_pipeline.harness.suspects import Suspect, parsed
from cra_pipeline.harness.verdict import refuse_forbidden

ENOUGH = 2
"""Killed mutants after which no further one is tried: one proves the tests, two judge others."""

TEST_CONTROLS = ("always_passing", "empty_tests")
"""Tests that must not score, whatever the task."""

_RED = frozenset({TestResult.FAILED, TestResult.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """What tests of a tests-only commit are examined with.

    Attributes:
        problem: The commit, taken apart.
        bench: Over its base tree.
        sources: The modules under test at the base.
        suspects: Faults in them, by preference.
        new_tests: Changed functions by test file, as ``changed_functions`` names them.
        old_files: Test files of the base that import the modules under test.
    """

    problem: Problem
    bench: Bench
    sources: Mapping[str, Blob]
    suspects: tuple[Suspect, ...]
    new_tests: Mapping[str, Collection[str]]
    old_files: tuple[str, ...] = ()

    def is_new(self, test_id: str) -> bool:
        """Whether a test's code was added or changed by the commit."""
        path, _, name = test_id.partition("::")
        return name.partition("[")[0] in self.new_tests.get(path, ())

    def run_old(self, fault: TreeChange, seeds: Seeds) -> TestRunReport:
        """The suite as it was, over a base with a fault."""
        return self.bench.run([fault.after], (), self.old_files, seeds)


def prove_tests(exam: Exam, policy: TaskPolicy) -> TaskRow:
    """Everything about a tests-only commit, its controls included."""
    problem = exam.problem
    if not problem.test_files:
        return rejected(problem, Rejection("no_tests_to_run", "no changed file holds a test"))
    golds = []
    for seeds in policy.gold_seeds:
        report = run_over(exam.bench, problem, problem.gold, seeds)
        refusal = unusable(report, "gold")
        if refusal:
            return rejected(problem, refusal)
        golds.append(report)
    division = _divided(exam, golds)
    refusal = _refusal(golds[0], division)
    if refusal:
        return rejected(problem, refusal, division)
    tallies = [judged(report, division, policy.verdict) for report in golds]
    row = row_of(problem, division, runs=gold_runs(policy.gold_seeds, tallies))
    for tally in tallies:
        if tally.outcome is not Outcome.PASSED:
            return refused(row, "gold_fails", f"{tally.reason}: {tally.detail}")
    refusal = _unfit(exam, division, policy)
    if refusal:
        return refused(row, refusal.reason, refusal.evidence)
    return _examined(exam, row, policy)


def _unfit(exam: Exam, division: Division, policy: TaskPolicy) -> Rejection | None:
    """Whether the commit's own tests would be refused as a candidate's."""
    tests = _own_tests(exam.problem, exam.problem.hidden)
    findings = scan_tests(tests.before, tests.after, sources=exam.sources)
    if findings:
        return Rejection("gold_trips_scan", str(findings[0]))
    same = TreeChange({}, equivalent(exam.sources))
    report = run_over(exam.bench, exam.problem, same, policy.gold_seeds[0])
    tally = judged(report, division, policy.verdict)
    if tally.outcome is Outcome.PASSED:
        return None
    return Rejection("gold_pins_source", f"{tally.reason}: {tally.detail}")


def _divided(exam: Exam, golds: Sequence[TestRunReport]) -> Division:
    runs = [results(report) for report in golds]
    ids = {test_id for found in runs for test_id in found}
    flaky = {test_id for test_id in ids if len({found.get(test_id) for found in runs}) > 1}
    green = sorted(test_id for test_id in ids - flaky if runs[0][test_id] is TestResult.PASSED)
    return Division(
        fail_to_pass=tuple(test_id for test_id in green if exam.is_new(test_id)),
        pass_to_pass=tuple(test_id for test_id in green if not exam.is_new(test_id)),
        quarantined=tuple(sorted(flaky)),
        broken=tuple(sorted(test_id for test_id in ids - flaky if runs[0][test_id] in _RED)),
    )


def _refusal(gold: TestRunReport, division: Division) -> Rejection | None:
    if division.fail_to_pass:
        return None
    if division.broken or gold.collect_errors:
        errors = [error.test_id or "session" for error in gold.collect_errors]
        return Rejection("gold_fails", named([*errors, *division.broken]))
    if division.quarantined:
        return Rejection("all_tests_flaky", named(division.quarantined))
    return Rejection("no_new_tests", "no test function was added or changed")


def _examined(exam: Exam, row: TaskRow, policy: TaskPolicy) -> TaskRow:
    """The row with mutants tried on both suites, and with its controls."""
    seeds = policy.gold_seeds[0]
    baseline = exam.run_old(TreeChange({}, {}), seeds)
    killed: list[Suspect] = []
    survivors: list[str] = []
    for suspect in exam.suspects:
        fault = suspect.change(exam.sources)
        report = run_over(exam.bench, exam.problem, fault, seeds)
        if not kills(report, row.fail_to_pass):
            survivors.append(suspect.name)
        elif _lives(exam.run_old(fault, seeds), baseline):
            killed.append(suspect)
        if len(killed) == ENOUGH:
            break
    row = row.model_copy(
        update={
            "mutants_killed": len(killed),
            "mutants": tuple(suspect.name for suspect in killed),
            "weak_tests": tuple(sorted(survivors)),
        }
    )
    if not killed:
        lived, tried = len(survivors), len(exam.suspects)
        told = f"{tried} mutants tried, {lived} live on, {tried - lived} die of the old tests too"
        return refused(row, "no_mutant_killed", told)
    return _controlled(exam, row, policy, killed)


def kills(report: TestRunReport, test_ids: Collection[str]) -> bool:
    """Whether one of the tests that pass without the fault is red with it, in an honest run."""
    if unusable(report, "mutant") is not None or report.forged:
        return False
    found = results(report)
    return any(found.get(test_id) in _RED for test_id in test_ids)


def _lives(report: TestRunReport, baseline: TestRunReport) -> bool:
    """Whether a suite says of a faulty source what it says of the right one."""
    return unusable(report, "mutant") is None and results(report) == results(baseline)


def _controlled(exam: Exam, row: TaskRow, policy: TaskPolicy, killed: Sequence[Suspect]) -> TaskRow:
    # The old suite lets every one of these live: that was the condition.
    controls = [ControlResult(category=NOOP, outcome=Outcome.FAILED, reason="no_mutant_killed")]
    for category, spoil in zip(TEST_CONTROLS, (_always_passing, _empty), strict=True):
        hidden = exam.problem.hidden
        files = {
            path: blob_like(spoil(blob.content.decode(errors="replace")), blob)
            if path in exam.problem.test_files
            else blob
            for path, blob in hidden.after.items()
        }
        tally = judge_tests(
            row,
            replace(exam, suspects=tuple(killed)),
            TreeChange(hidden.before, files),
            seeds=policy.gold_seeds[0],
            policy=policy.verdict,
        )
        controls.append(
            ControlResult(category=category, outcome=tally.outcome, reason=tally.reason)
        )
    row = row.model_copy(update={"controls": tuple(controls)})
    for control in controls:
        if control.outcome is Outcome.PASSED:
            return refused(row, f"control_passed:{control.category}", "")
        if control.outcome is Outcome.SANDBOX_ERROR:
            return refused(row, "sandbox_error", f"control {control.category}")
    return row


def _empty(_: str) -> str:
    return ""


def _always_passing(text: str) -> str:
    """The same test functions with nothing in them."""
    tree = parsed(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            node.body = [ast.Pass()]
    return ast.unparse(tree) + "\n"


def judge_tests(
    task: TaskRow,
    exam: Exam,
    candidate: TreeChange,
    *,
    seeds: Seeds,
    policy: VerdictPolicy,
) -> TestTally:
    """Verdict on tests: green on the right source, red on at least one known mutant.

    They must not look at the source's text: the scan refuses it, and they have to stay green on
    the same source with another comment.

    Args:
        task: The tests-only task.
        exam: Its suspects are those that the task's own tests kill and the old suite lets live.
        candidate: Change of the base; only its tests count.
        seeds: Of every run.
        policy: How the verdict is worded.
    """
    tests = _own_tests(exam.problem, candidate)
    files = sorted(
        {*task.test_files, *(path for path in tests.after if path.endswith(".py"))}
        - set(tests.deleted)
    )
    right = exam.bench.run([tests.after], tests.deleted, files, seeds)
    green = [name for name, result in results(right).items() if result is TestResult.PASSED]
    red = [name for name, result in results(right).items() if result in _RED]
    own = tuple(sorted({*green, *red} - {*task.pass_to_pass}))
    if not own and not task.pass_to_pass:
        return _lost("no_test_passes", right.detail)
    division = Division(
        fail_to_pass=own,
        pass_to_pass=task.pass_to_pass,
        quarantined=task.quarantined,
        broken=(),
    )
    tally = judged(right, division, policy)
    if tally.outcome is not Outcome.PASSED:
        return tally
    findings = scan_tests(tests.before, tests.after, sources=exam.sources)
    if findings:
        return refuse_forbidden(tally, findings, policy)

    def over(fault: Mapping[str, Blob]) -> TestRunReport:
        return exam.bench.run([fault, tests.after], tests.deleted, files, seeds)

    if not any(kills(over(mutant.change(exam.sources).after), green) for mutant in exam.suspects):
        return _lost("no_mutant_killed", f"{len(exam.suspects)} known mutants survive")
    same = judged(over(equivalent(exam.sources)), division, policy)
    return tally if same.outcome is Outcome.PASSED else _pinned(same)


def _own_tests(problem: Problem, candidate: TreeChange) -> TreeChange:
    """The tests of a candidate; what steers them comes from the commit, whatever it did there."""
    kept = candidate.only(path for path in candidate.paths if is_guarded(path) and not steers(path))
    settings = problem.hidden.only(path for path in problem.hidden.paths if steers(path))
    restored = {path: blob for path, blob in problem.restored.items() if steers(path)}
    return TreeChange(
        {**kept.before, **settings.before}, {**kept.after, **settings.after, **restored}
    )


def equivalent(sources: Mapping[str, Blob]) -> dict[str, Blob]:
    """The same modules with other bytes: a comment and a blank line at the end of each."""
    ending = b"\n# The end.\n\n"
    return {path: Blob(blob.mode, blob.content + ending) for path, blob in sources.items()}


def _pinned(tally: TestTally) -> TestTally:
    """A run on the equivalent source that went otherwise: a fault of the tests if they ended."""
    if tally.outcome is not Outcome.FAILED:
        return tally
    return _lost("pins_source", f"red on the same source with another comment: {tally.detail}")


def _lost(reason: str, detail: str) -> TestTally:
    return TestTally(outcome=Outcome.FAILED, reason=reason, detail=detail, failed=())
