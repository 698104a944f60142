"""What the runs of a commit say about it: pure decisions, no run is started here.

A test counts by its results over all runs of a side. One whose result differs between runs of
the same side is quarantined: the test, not the task.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.testrun import TestResult, TestRunReport

_RED = frozenset({TestResult.FAILED, TestResult.ERROR})
_NAMED = 5
"""Test ids named in a rejection's evidence."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a commit is no task.

    Attributes:
        reason: Short code; ``sandbox_error`` is the machine's fault and tried again next time.
        evidence: The values that decided, repeatable from run to run.
    """

    reason: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Test ids by what the gold change does to them; each sorted.

    Attributes:
        fail_to_pass: Red or missing at the base in every run, green with gold in every run.
        pass_to_pass: Green on both sides in every run.
        quarantined: Differ between runs of one side.
        broken: Green at the base, red with gold, in every run.
    """

    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    quarantined: tuple[str, ...]
    broken: tuple[str, ...]


def results(report: TestRunReport) -> dict[str, TestResult]:
    """Result by test id; absent ids were not reported."""
    return {outcome.test_id: outcome.result for outcome in report.outcomes}


def unusable(report: TestRunReport, side: str) -> Rejection | None:
    """Why nothing can be concluded from a run; None where it can.

    Args:
        report: Of one run.
        side: ``gold`` or ``base``: names the reason.
    """
    if report.ending is Ending.NOT_STARTED:
        return Rejection("sandbox_error", report.detail)
    if report.ending is Ending.TIMED_OUT:
        return Rejection(f"{side}_timed_out", report.detail)
    if report.ending is not Ending.EXITED:
        return Rejection(f"{side}_{report.ending.value}", report.detail)
    if not report.complete:
        return Rejection(f"{side}_crashes", report.detail)
    if side == "gold" and report.forged:
        return Rejection("gold_not_believed", report.forged)
    return None


def first_look(
    gold: TestRunReport, base: TestRunReport, touched: Collection[str] = ()
) -> Rejection | None:
    """Whether the first run of each side leaves any test to prove; both are usable.

    Spares the further runs where the answer is no already. Gold is blamed for tests of the files
    that the commit touches; others may be red for reasons of their own.

    Args:
        gold: Run with the gold change.
        base: Run without it.
        touched: Test files that the commit changes; where it changes none, all are meant.
    """
    with_gold, without = results(gold), results(base)
    green = [name for name, result in with_gold.items() if result is TestResult.PASSED]
    if any(_is_red(without.get(name)) for name in green):
        return None
    red = sorted(name for name, result in with_gold.items() if result in _RED)
    errors = sorted(error.test_id for error in gold.collect_errors)
    own = [name for name in (*errors, *red) if not touched or _file(name) in {*touched, ""}]
    if own:
        details = {item.test_id: item.detail for item in (*gold.outcomes, *gold.collect_errors)}
        name = own[0]
        words = f"{name or 'session'}: {details.get(name, '')}"
        return Rejection("gold_fails", f"{len(own)} red with gold: {words}")
    if not green:
        return Rejection("gold_fails", f"no test passes: {len(with_gold)} reported")
    skipped = sum(
        result is TestResult.SKIPPED and _file(name) in touched
        for name, result in with_gold.items()
    )
    notes = [f"{len(green)} tests pass with and without gold"]
    notes += [f"{skipped} of the touched files are skipped"] if skipped else []
    notes += [f"{len(red) + len(errors)} elsewhere are red"] if red or errors else []
    return Rejection("no_fail_to_pass", f"green_before: {', '.join(notes)}")


def _file(test_id: str) -> str:
    return test_id.partition("::")[0]


def divide(gold: Sequence[TestRunReport], base: Sequence[TestRunReport]) -> Division:
    """Sort test ids by their results over all runs.

    Args:
        gold: Usable runs with the gold change.
        base: Usable runs without it.
    """
    with_gold, without = [results(report) for report in gold], [results(report) for report in base]
    ids = {test_id for found in (*with_gold, *without) for test_id in found}
    flaky = {
        test_id for test_id in ids if _differs(with_gold, test_id) or _differs(without, test_id)
    }
    stable = sorted(ids - flaky)
    uncollected = {error.test_id for error in gold[0].collect_errors}

    def now(test_id: str) -> TestResult | None:
        found = with_gold[0].get(test_id)
        lost = found is None and _file(test_id) in uncollected
        return TestResult.ERROR if lost else found

    green = [test_id for test_id in stable if now(test_id) is TestResult.PASSED]
    return Division(
        fail_to_pass=tuple(name for name in green if _is_red(without[0].get(name))),
        pass_to_pass=tuple(name for name in green if without[0].get(name) is TestResult.PASSED),
        quarantined=tuple(sorted(flaky)),
        broken=tuple(
            name
            for name in stable
            if without[0].get(name) is TestResult.PASSED and now(name) in _RED
        ),
    )


def _differs(runs: Sequence[Mapping[str, TestResult]], test_id: str) -> bool:
    return len({found.get(test_id) for found in runs}) > 1


def _is_red(result: TestResult | None) -> bool:
    """Red or not reported at all; a skip or an expected failure is neither red nor green."""
    return result is None or result in _RED


def second_look(division: Division) -> Rejection | None:
    """Whether the tests that are left prove the task."""
    if division.broken:
        return Rejection("gold_breaks_tests", named(division.broken))
    if not division.fail_to_pass:
        return Rejection("all_tests_flaky", named(division.quarantined))
    return None


def named(test_ids: Sequence[str]) -> str:
    """Their number and the first few of them."""
    more = ", …" if len(test_ids) > _NAMED else ""
    return f"{len(test_ids)}: {', '.join(sorted(test_ids)[:_NAMED])}{more}"
