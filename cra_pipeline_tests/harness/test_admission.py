"""What several runs say about each test, and when they say enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.testrun import TestResult
from cra_pipeline.harness.admission import divide, first_look, named, second_look, unusable
from cra_pipeline_tests.harness.benches import report

GREEN, RED, SKIP = {"t::a": "passed"}, {"t::a": "failed"}, {"t::a": "skipped"}


@pytest.mark.parametrize(
    ("gold", "base", "reason"),
    [
        (GREEN, RED, None),
        (GREEN, {"t::a": "error"}, None),
        (GREEN, {}, None),
        (GREEN, GREEN, "no_fail_to_pass"),
        (GREEN, SKIP, "no_fail_to_pass"),
        (GREEN, {"t::a": "xfailed"}, "no_fail_to_pass"),
        (RED, RED, "gold_fails"),
        (SKIP, RED, "gold_fails"),
        ({}, {}, "gold_fails"),
        ({"t::a": "xpassed"}, RED, "gold_fails"),
    ],
)
def test_a_task_needs_a_test_that_turns_from_red_to_green(
    gold: dict[str, str], base: dict[str, str], reason: str | None
) -> None:
    found = first_look(report(gold), report(base))

    assert (found and found.reason) == reason


def test_a_file_that_gold_cannot_import_is_named() -> None:
    found = first_look(report(GREEN, errors=["tests/test_b.py"]), report(GREEN))

    assert found is not None
    assert found.reason == "gold_fails"
    assert "tests/test_b.py: no import" in found.evidence


def test_gold_is_not_blamed_for_what_is_red_in_files_that_it_did_not_touch() -> None:
    gold = report(
        {"a.py::old": "passed", "a.py::new": "skipped", "b.py::x": "failed"}, errors=["c.py"]
    )
    base = report({"a.py::old": "passed", "b.py::x": "failed"})
    found = first_look(gold, base, ["a.py"])

    assert found is not None
    assert found.reason == "no_fail_to_pass"
    assert found.evidence == (
        "green_before: 1 tests pass with and without gold, 1 of the touched files are skipped, "
        "2 elsewhere are red"
    )
    for touched in ("b.py", "c.py"):
        blamed = first_look(gold, base, [touched])
        assert blamed is not None
        assert blamed.reason == "gold_fails"


def test_a_session_that_fails_as_a_whole_is_golds_fault() -> None:
    found = first_look(report({}, errors=[""]), report({}), ["a.py"])

    assert found is not None
    assert (found.reason, found.evidence) == ("gold_fails", "1 red with gold: session: no import")


@pytest.mark.parametrize(
    ("fields", "side", "reason"),
    [
        ({"ending": Ending.NOT_STARTED}, "gold", "sandbox_error"),
        ({"ending": Ending.NOT_STARTED}, "base", "sandbox_error"),
        ({"ending": Ending.TIMED_OUT}, "gold", "gold_timed_out"),
        ({"ending": Ending.TIMED_OUT}, "base", "base_timed_out"),
        ({"ending": Ending.OUT_OF_MEMORY}, "gold", "gold_out_of_memory"),
        ({"complete": False}, "base", "base_crashes"),
        ({"forged": "must_fail_sentinel_passed"}, "gold", "gold_not_believed"),
        ({"forged": "must_pass_sentinel_failed"}, "base", None),
        ({}, "gold", None),
    ],
)
def test_a_run_that_cannot_be_used_says_whose_fault_it_is(
    fields: dict[str, object], side: str, reason: str | None
) -> None:
    found = unusable(report(GREEN, **fields), side)  # type: ignore[arg-type]  # a table of keywords

    assert (found and found.reason) == reason


def test_each_test_is_counted_where_it_belongs() -> None:
    gold = report(
        {"t::new": "passed", "t::old": "passed", "t::broken": "failed", "t::skip": "skipped"}
    )
    base = report(
        {"t::new": "failed", "t::old": "passed", "t::broken": "passed", "t::skip": "failed"}
    )
    found = divide([gold] * 3, [base] * 2)

    assert found.fail_to_pass == ("t::new",)
    assert found.pass_to_pass == ("t::old",)
    assert found.broken == ("t::broken",)
    assert found.quarantined == ()


def test_a_test_lost_with_its_file_is_broken() -> None:
    gold = report({"t.py::new": "passed"}, errors=["u.py"])
    base = report({"u.py::old": "passed"})

    assert divide([gold], [base]).broken == ("u.py::old",)


def test_a_test_whose_id_vanished_with_gold_is_not_broken() -> None:
    assert divide([report({})], [report({"t::a[1]": "passed"})]).broken == ()


@pytest.mark.parametrize("side", ["gold", "base"])
def test_a_flaky_test_is_quarantined_alone(side: str) -> None:
    steady = report({"t::a": "passed", "t::b": "passed"})
    shaken = report({"t::a": "passed", "t::b": "failed"})
    without = report({"t::a": "failed", "t::b": "failed"})
    without_shaken = report({"t::a": "failed"})
    golds = [steady, shaken if side == "gold" else steady, steady]
    bases = [without, without_shaken if side == "base" else without]
    found = divide(golds, bases)

    assert found.quarantined == ("t::b",)
    assert found.fail_to_pass == ("t::a",)
    assert second_look(found) is None


def test_only_flaky_tests_prove_nothing() -> None:
    refusal = second_look(divide([report(GREEN), report(RED)], [report(RED)]))

    assert refusal is not None
    assert (refusal.reason, refusal.evidence) == ("all_tests_flaky", "1: t::a")


def test_gold_that_breaks_a_test_is_refused_with_its_name() -> None:
    gold = report({"t::a": "passed", "t::b": "error"})
    refusal = second_look(divide([gold], [report({"t::a": "failed", "t::b": "passed"})]))

    assert refusal is not None
    assert (refusal.reason, refusal.evidence) == ("gold_breaks_tests", "1: t::b")


def test_evidence_names_a_few_of_many() -> None:
    assert named([f"t{number}" for number in range(7)]) == "7: t0, t1, t2, t3, t4, …"


runs = st.dictionaries(
    st.sampled_from([f"t::{name}" for name in "abcd"]),
    st.sampled_from([result.value for result in TestResult]),
)


@given(st.lists(runs, min_size=1, max_size=3), st.lists(runs, min_size=1, max_size=3))
def test_groups_never_overlap_and_expected_tests_are_steady(
    gold: list[dict[str, str]], base: list[dict[str, str]]
) -> None:
    found = divide([report(run) for run in gold], [report(run) for run in base])
    groups = [found.fail_to_pass, found.pass_to_pass, found.quarantined, found.broken]
    ids = [name for group in groups for name in group]

    assert len(ids) == len(set(ids))
    for name in (*found.fail_to_pass, *found.pass_to_pass):
        assert all(run.get(name) == "passed" for run in gold)
    for name in found.fail_to_pass:
        assert all(run.get(name) in {None, "failed", "error"} for run in base)
