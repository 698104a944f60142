"""From a test report to a verdict: pure, and the only place where ``passed`` is given.

Every expected test has to be reported passed by a session that can be believed; a skip, an
expected failure or silence is no pass. The scan of the change is asked last, so that the evidence
shows which guard caught a forgery.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.tasks import Outcome, TestTally
from cra_pipeline.contracts.testrun import TestOutcome, TestResult, TestRunReport
from cra_pipeline.harness.policy import VerdictPolicy
from cra_pipeline.harness.scan import Finding

_ONLY_AGAINST_GREEN = frozenset({"must_pass_sentinel_failed", "sentinel_missing"})
# What a broken change does to its neighbours is no forgery: these count only where all is green.

_ENDINGS = {
    Ending.TIMED_OUT: (Outcome.TIMED_OUT, "timed_out"),
    Ending.NOT_STARTED: (Outcome.SANDBOX_ERROR, "sandbox_not_started"),
    Ending.OUT_OF_MEMORY: (Outcome.FAILED, "out_of_memory"),
    Ending.CHANNEL_FLOODED: (Outcome.FAILED, "channel_flooded"),
}


def judge(
    report: TestRunReport,
    fail_to_pass: Collection[str],
    pass_to_pass: Collection[str],
    quarantined: Collection[str] = (),
    *,
    policy: VerdictPolicy | None = None,
) -> TestTally:
    """Judge one run of the hidden tests.

    Args:
        report: What the run showed.
        fail_to_pass: Test ids that the change must turn green.
        pass_to_pass: Test ids that it must leave green.
        quarantined: Test ids whose result is not looked at, even where they are expected.
        policy: How much evidence is kept.

    Raises:
        ValueError: No test is expected, so that an empty report would pass.
    """
    policy = policy or VerdictPolicy()
    first = sorted({*fail_to_pass} - {*quarantined})
    second = sorted({*pass_to_pass} - {*quarantined} - {*first})
    if not first and not second:
        raise ValueError("no expected tests: a verdict needs one test id at least")
    if report.ending in _ENDINGS:
        outcome, reason = _ENDINGS[report.ending]
        return _tally(outcome, reason, report.detail, (), policy)
    if report.forged and report.forged not in _ONLY_AGAINST_GREEN:
        return _tally(Outcome.FAILED, "forged_report", report.forged, (), policy)
    return _by_tests(report, first, second, policy)


def _by_tests(
    report: TestRunReport, first: Sequence[str], second: Sequence[str], policy: VerdictPolicy
) -> TestTally:
    found = {outcome.test_id: outcome for outcome in report.outcomes}
    red = [test_id for test_id in first if not _passed(found.get(test_id))]
    broken = [test_id for test_id in second if not _passed(found.get(test_id))]
    if not report.complete:
        reason = "crashed" if report.ending is Ending.SIGNALLED else "session_cut_short"
        return _tally(Outcome.FAILED, reason, report.detail, [*red, *broken], policy)
    if red or broken:
        reason = "fail_to_pass_failed" if red else "pass_to_pass_failed"
        detail = _evidence((red or broken)[0], found, report)
        return _tally(Outcome.FAILED, reason, detail, [*red, *broken], policy)
    if report.forged:
        return _tally(Outcome.FAILED, "forged_report", report.forged, (), policy)
    return _tally(Outcome.PASSED, "", "", (), policy)


def _passed(outcome: TestOutcome | None) -> bool:
    return outcome is not None and outcome.result is TestResult.PASSED


def _evidence(test_id: str, found: dict[str, TestOutcome], report: TestRunReport) -> str:
    """What happened to the first expected test that is not green."""
    outcome = found.get(test_id)
    if outcome is not None:
        return f"{test_id}: {outcome.result}: {outcome.detail}"
    file = test_id.partition("::")[0]
    for error in report.collect_errors:
        # An error without a file, such as a broken conftest, concerns every test.
        if error.test_id == file or not error.test_id.endswith(".py"):
            return f"{test_id}: not collected: {error.detail}"
    return f"{test_id}: not reported: {report.detail}"


def _tally(
    outcome: Outcome, reason: str, detail: str, failed: Sequence[str], policy: VerdictPolicy
) -> TestTally:
    return TestTally(
        outcome=outcome,
        reason=reason,
        detail=detail[: policy.detail_chars],
        failed=tuple(sorted(failed)[: policy.failed_kept]),
    )


def refuse_forbidden(
    tally: TestTally, findings: Sequence[Finding], policy: VerdictPolicy | None = None
) -> TestTally:
    """Turn a pass into ``forbidden_edit`` where the scan found something; else change nothing."""
    if tally.outcome is not Outcome.PASSED or not findings:
        return tally
    policy = policy or VerdictPolicy()
    return _tally(Outcome.FAILED, "forbidden_edit", str(findings[0]), (), policy)
