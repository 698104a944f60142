"""Runs a commit through gold, no-op and controls, and writes down what became of it.

An ordinary task costs eight runs: three with gold, two without, three controls. The runs that
divide the tests are judged again once the expected tests are known; none is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.tasks import (
    ControlResult,
    GoldRun,
    Outcome,
    TaskKind,
    TaskRow,
    TestTally,
)
from cra_pipeline.contracts.testrun import TestRunReport
from cra_pipeline.diffs import TreeChange
from cra_pipeline.harness.admission import (
    Division,
    Rejection,
    divide,
    first_look,
    second_look,
    unusable,
)
from cra_pipeline.harness.policy import Seeds, TaskPolicy, VerdictPolicy
from cra_pipeline.harness.problem import Bench, Problem, reviewed, run_over
from cra_pipeline.harness.scan import scan_change
from cra_pipeline.harness.statement import statement
from cra_pipeline.harness.verdict import judge, refuse_forbidden

NOTHING = TreeChange({}, {})
NOOP = "noop"

Forge = Callable[[str], TreeChange]
"""The forging edit of a category, as a change of the task's base."""


def prove(problem: Problem, bench: Bench, policy: TaskPolicy) -> TaskRow:
    """Everything but the forging controls; ``admitted`` still hangs on those.

    Args:
        problem: The commit, taken apart.
        bench: Over its base tree.
        policy: Seeds of the runs.
    """
    found = _scanned(problem) or _runs(problem, bench, policy)
    if isinstance(found, Rejection):
        return rejected(problem, found)
    golds, bases = found
    division = divide(golds, bases)
    refusal = second_look(division)
    if refusal:
        return rejected(problem, refusal, division)
    tallies = [judged(report, division, policy.verdict) for report in golds]
    noops = [judged(report, division, policy.verdict) for report in bases]
    row = row_of(
        problem,
        division,
        runs=gold_runs(policy.gold_seeds, tallies),
        controls=(_noop(noops),),
    )
    return _confirmed(row, tallies)


def _scanned(problem: Problem) -> Rejection | None:
    if not problem.test_files:
        return Rejection("no_tests_to_run", "no test file is touched, named alike or importing")
    findings = scan_change(
        problem.gold.before,
        problem.gold.after,
        protected=problem.protected,
        import_roots=problem.import_roots,
    )
    return Rejection("gold_trips_scan", str(findings[0])) if findings else None


def _runs(
    problem: Problem, bench: Bench, policy: TaskPolicy
) -> tuple[list[TestRunReport], list[TestRunReport]] | Rejection:
    """All runs of both sides, or why it was stopped at one of them."""
    golds: list[TestRunReport] = []
    bases: list[TestRunReport] = []
    plan: list[tuple[str, TreeChange, Seeds]] = [
        ("gold", problem.gold, policy.gold_seeds[0]),
        ("base", NOTHING, policy.base_seeds[0]),
        *(("gold", problem.gold, seeds) for seeds in policy.gold_seeds[1:]),
        *(("base", NOTHING, seeds) for seeds in policy.base_seeds[1:]),
    ]
    for number, (side, candidate, seeds) in enumerate(plan):
        report = run_over(bench, problem, candidate, seeds)
        refusal = unusable(report, side)
        (golds if side == "gold" else bases).append(report)
        if refusal is None and number == 1:
            refusal = first_look(golds[0], bases[0], problem.hidden.after)
        if refusal is not None:
            return refusal
    return golds, bases


def judged(report: TestRunReport, division: Division, policy: VerdictPolicy) -> TestTally:
    """Verdict on a run by the tests that a division expects."""
    return judge(
        report,
        division.fail_to_pass,
        division.pass_to_pass,
        division.quarantined,
        policy=policy,
    )


def gold_runs(seeds: Sequence[Seeds], tallies: Sequence[TestTally]) -> tuple[GoldRun, ...]:
    """Verdicts with the seeds that they were given under."""
    return tuple(
        GoldRun(order_seed=order, hash_seed=hashes, outcome=tally.outcome, reason=tally.reason)
        for (order, hashes), tally in zip(seeds, tallies, strict=True)
    )


def _noop(tallies: Sequence[TestTally]) -> ControlResult:
    """Of several runs the one that is worst for the task."""
    worst = next((tally for tally in tallies if tally.outcome is Outcome.PASSED), tallies[0])
    return ControlResult(category=NOOP, outcome=worst.outcome, reason=worst.reason)


def _confirmed(row: TaskRow, tallies: Sequence[TestTally]) -> TaskRow:
    for tally in tallies:
        if tally.outcome is not Outcome.PASSED:
            return refused(row, "gold_fails", f"{tally.reason}: {tally.detail}")
    return with_controls(row, ())


def with_controls(row: TaskRow, controls: Iterable[ControlResult]) -> TaskRow:
    """The row with further controls; refused where one of them scored or could not be run."""
    known = {control.category: control for control in (*row.controls, *controls)}
    noop = known.pop(NOOP)
    complete = row.model_copy(update={"controls": (noop, *(known[name] for name in sorted(known)))})
    for control in complete.controls:
        if control.outcome is Outcome.PASSED:
            return refused(complete, f"control_passed:{control.category}", "")
        if control.outcome is Outcome.SANDBOX_ERROR:
            return refused(complete, "sandbox_error", f"control {control.category}")
    return complete


def run_controls(  # noqa: PLR0913  # what a control is made of and judged by
    row: TaskRow,
    problem: Problem,
    bench: Bench,
    policy: TaskPolicy,
    *,
    categories: Iterable[str],
    forge: Forge,
) -> TaskRow:
    """The row with the given forging controls run and judged; stops at the first that scores."""
    for category in categories:
        if not row.admitted:
            break
        tally = _judged_control(row, problem, bench, forge(category), policy)
        control = ControlResult(category=category, outcome=tally.outcome, reason=tally.reason)
        row = with_controls(row, [control])
    return row


def _judged_control(
    row: TaskRow, problem: Problem, bench: Bench, forged: TreeChange, policy: TaskPolicy
) -> TestTally:
    """Verdict on a control, from the files that hold its wanted tests alone where that suffices.

    What fails there fails everywhere; only what passes there is run in full.
    """
    files = {test_id.partition("::")[0] for test_id in row.fail_to_pass}
    inside = tuple(name for name in row.pass_to_pass if name.partition("::")[0] in files)
    narrow_row = row.model_copy(update={"pass_to_pass": inside})
    narrow = replace(problem, test_files=tuple(sorted(files & {*problem.test_files})))
    seeds, words = policy.gold_seeds[0], policy.verdict
    tally = judge_candidate(narrow_row, narrow, bench, forged, seeds=seeds, policy=words)
    if tally.outcome is Outcome.PASSED and narrow.test_files != problem.test_files:
        tally = judge_candidate(row, problem, bench, forged, seeds=seeds, policy=words)
    return tally


def judge_candidate(  # noqa: PLR0913  # what a verdict is made of
    task: TaskRow,
    problem: Problem,
    bench: Bench,
    candidate: TreeChange,
    *,
    seeds: Seeds,
    policy: VerdictPolicy,
) -> TestTally:
    """Verdict on any change of a task's base: tests first, then the scan of the change."""
    return judged_run(task, problem, run_over(bench, problem, candidate, seeds), candidate, policy)


def judged_run(
    task: TaskRow,
    problem: Problem,
    report: TestRunReport,
    candidate: TreeChange,
    policy: VerdictPolicy,
) -> TestTally:
    """Verdict on a run that was made already."""
    tally = judge(report, task.fail_to_pass, task.pass_to_pass, task.quarantined, policy=policy)
    looked_at = reviewed(candidate)
    findings = scan_change(
        looked_at.before,
        looked_at.after,
        protected=problem.protected,
        import_roots=problem.import_roots,
    )
    return refuse_forbidden(tally, findings, policy)


def rejected(problem: Problem, refusal: Rejection, division: Division | None = None) -> TaskRow:
    """The row of a commit that is no task."""
    return refused(row_of(problem, division), refusal.reason, refusal.evidence)


def without_problem(commit: CommitRow, refusal: Rejection) -> TaskRow:
    """The row of a commit that was not even taken apart."""
    empty = Problem(
        commit=commit,
        gold=NOTHING,
        hidden=NOTHING,
        restored={},
        test_files=(),
        import_roots=(),
        lock_hash="",
    )
    return rejected(empty, refusal)


def refused(row: TaskRow, reason: str, evidence: str) -> TaskRow:
    """The row as that of a commit which is no task."""
    return row.model_copy(update={"admitted": False, "reason": reason, "evidence": evidence})


def row_of(
    problem: Problem,
    division: Division | None,
    *,
    runs: tuple[GoldRun, ...] = (),
    controls: tuple[ControlResult, ...] = (),
) -> TaskRow:
    """An admitted row as far as is known; whoever finds a fault says so in a copy."""
    commit = problem.commit
    return TaskRow(
        task_id=problem.task_id,
        repo=commit.repo,
        sha=commit.sha,
        base_sha=commit.base_sha,
        window=commit.window,
        committed_at=commit.committed_at,
        kind=_kind(commit.kind()),
        planning_type=commit.type,
        admitted=True,
        reason="",
        evidence="",
        statement=statement(commit.message),
        gold_patch=problem.gold.patch,
        test_patch=problem.hidden.patch,
        deleted_files=problem.gold.deleted,
        test_files=problem.test_files,
        protected_files=problem.protected,
        fail_to_pass=division.fail_to_pass if division else (),
        pass_to_pass=division.pass_to_pass if division else (),
        quarantined=division.quarantined if division else (),
        gold_runs=runs,
        controls=controls,
        mutants_killed=0,
        mutants=(),
        weak_tests=(),
        lock_hash=problem.lock_hash,
    )


def _kind(name: str) -> TaskKind:
    if name == "tests-only":
        return "tests-only"
    return "source-only" if name == "source-only" else "source-and-tests"
