"""Only a complete, unforged session in which every expected test passed is a pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.contracts.testrun import TestOutcome, TestResult, TestRunReport
from cra_pipeline.harness.policy import VerdictPolicy
from cra_pipeline.harness.scan import Finding
from cra_pipeline.harness.verdict import judge, refuse_forbidden

FIX, KEEP = "tests/test_a.py::test_fix", "tests/test_a.py::test_keep"


def outcome(test_id: str, result: TestResult, detail: str = "") -> TestOutcome:
    return TestOutcome(test_id=test_id, result=result, detail=detail)


GREEN = (outcome(FIX, TestResult.PASSED), outcome(KEEP, TestResult.PASSED))
REPORT = TestRunReport(
    ending=Ending.EXITED,
    outcomes=GREEN,
    collect_errors=(),
    missing_modules=(),
    complete=True,
    forged="",
    detail="exited 0",
)


def test_all_green_is_a_pass() -> None:
    tally = judge(REPORT, [FIX], [KEEP])

    assert (tally.outcome, tally.reason, tally.failed) == (Outcome.PASSED, "", ())


@pytest.mark.parametrize("result", sorted({*TestResult} - {TestResult.PASSED}))
def test_no_other_result_of_an_expected_test_is_a_pass(result: TestResult) -> None:
    outcomes = (outcome(FIX, result, "why"), GREEN[1])
    tally = judge(REPORT.model_copy(update={"outcomes": outcomes}), [FIX], [KEEP])

    assert (tally.outcome, tally.reason) == (Outcome.FAILED, "fail_to_pass_failed")
    assert tally.detail == f"{FIX}: {result}: why"
    assert tally.failed == (FIX,)


@pytest.mark.parametrize(
    ("change", "expected", "reason"),
    [
        ({"ending": Ending.TIMED_OUT, "complete": False}, Outcome.TIMED_OUT, "timed_out"),
        ({"ending": Ending.NOT_STARTED}, Outcome.SANDBOX_ERROR, "sandbox_not_started"),
        ({"ending": Ending.OUT_OF_MEMORY}, Outcome.FAILED, "out_of_memory"),
        ({"ending": Ending.CHANNEL_FLOODED}, Outcome.FAILED, "channel_flooded"),
        ({"ending": Ending.SIGNALLED, "complete": False}, Outcome.FAILED, "crashed"),
        ({"complete": False}, Outcome.FAILED, "session_cut_short"),
        ({"forged": "bad_signature", "complete": False}, Outcome.FAILED, "forged_report"),
        ({"forged": "must_fail_sentinel_passed"}, Outcome.FAILED, "forged_report"),
        ({"forged": "sentinel_missing"}, Outcome.FAILED, "forged_report"),
        ({"outcomes": GREEN[:1]}, Outcome.FAILED, "pass_to_pass_failed"),
        ({"outcomes": GREEN[1:]}, Outcome.FAILED, "fail_to_pass_failed"),
        ({"outcomes": ()}, Outcome.FAILED, "fail_to_pass_failed"),
    ],
)
def test_each_fault_has_its_reason(
    change: dict[str, object], expected: Outcome, reason: str
) -> None:
    tally = judge(REPORT.model_copy(update=change), [FIX], [KEEP])

    assert (tally.outcome, tally.reason) == (expected, reason)


def test_a_broken_neighbour_is_no_forgery_where_expected_tests_fail() -> None:
    report = REPORT.model_copy(update={"forged": "sentinel_missing", "outcomes": GREEN[1:]})

    assert judge(report, [FIX], [KEEP]).reason == "fail_to_pass_failed"


def test_a_file_that_cannot_be_imported_is_the_evidence() -> None:
    error = outcome("tests/test_a.py", TestResult.ERROR, "ImportError: no")
    report = REPORT.model_copy(update={"outcomes": (), "collect_errors": (error,)})

    assert judge(report, [FIX], []).detail == f"{FIX}: not collected: ImportError: no"


def test_quarantined_tests_are_not_looked_at() -> None:
    report = REPORT.model_copy(update={"outcomes": GREEN[:1]})

    assert judge(report, [FIX], [KEEP], [KEEP]).outcome is Outcome.PASSED


def test_nothing_expected_is_refused() -> None:
    with pytest.raises(ValueError, match="no expected tests"):
        judge(REPORT, [FIX], [], [FIX])


@given(st.sets(st.text(min_size=1), min_size=1, max_size=60), st.integers(0, 30))
def test_failed_tests_are_sorted_and_capped(ids: set[str], kept: int) -> None:
    policy = VerdictPolicy(failed_kept=kept, detail_chars=10)
    tally = judge(REPORT.model_copy(update={"outcomes": ()}), sorted(ids), [], policy=policy)

    assert tally.failed == tuple(sorted(ids)[:kept])
    assert len(tally.detail) <= 10


@given(st.lists(st.sampled_from([*TestResult]), min_size=1, max_size=5))
def test_a_pass_needs_every_expected_test(results: list[TestResult]) -> None:
    outcomes = tuple(outcome(str(place), result) for place, result in enumerate(results))
    report = REPORT.model_copy(update={"outcomes": outcomes})
    ids = [each.test_id for each in outcomes]
    passed = judge(report, ids[:1], ids[1:]).outcome is Outcome.PASSED

    assert passed == (set(results) == {TestResult.PASSED})


def test_the_scan_turns_only_a_pass() -> None:
    found = [Finding("src/a.py", 3, "process_exit", "os._exit")]
    passed, failed = judge(REPORT, [FIX], []), judge(REPORT, ["absent"], [])
    refused = refuse_forbidden(passed, found)

    assert (refused.outcome, refused.reason) == (Outcome.FAILED, "forbidden_edit")
    assert refused.detail == "src/a.py:3: process_exit: os._exit"
    assert refuse_forbidden(failed, found) is failed
    assert refuse_forbidden(passed, []) is passed
