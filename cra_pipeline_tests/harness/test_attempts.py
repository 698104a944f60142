"""Attempts follow their commit into a round, and say what became of them."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow
from cra_pipeline.diffs import Blob
from cra_pipeline.errors import RoundError
from cra_pipeline.harness.attempts import (
    AFTER_CUT_OFF,
    HELD_OUT,
    OTHER_ROUND,
    attempt_row,
    judged_nothing,
    label,
    left_out,
    listed_round,
    newest_tasks,
    outside_run,
    preview_of_attempts,
    proposed_change,
    still_imports,
    withheld,
)
from cra_pipeline.harness.policy import TaskPolicy
from cra_pipeline.harness.proving import prove
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.harness.benches import TESTS, blob, problem_of, report

TASK = prove(
    *problem_of("base", "base\nright", "old needs base\n", "old needs base\nnew needs right\n"),
    TaskPolicy(),
)
EARLY = RoundRecord(round="r01", cut_off=50, pins=(("demo", "a" * 40),), held_out=())
LATE = RoundRecord(round="r02", cut_off=150, pins=(("demo", "b" * 40),), held_out=())
REACHED = {"r01": {TASK.sha}, "r02": {TASK.sha}}


@pytest.mark.parametrize(
    ("record", "committed_at", "reached", "expected"),
    [
        (LATE, 100, REACHED, ""),
        (EARLY, 100, REACHED, OTHER_ROUND),
        (LATE, 40, REACHED, OTHER_ROUND),
        (EARLY, 40, REACHED, ""),
        (LATE, 40, {"r01": set(), "r02": {TASK.sha}}, ""),
        (LATE, 200, REACHED, AFTER_CUT_OFF),
        (LATE, 100, {"r01": set(), "r02": set()}, AFTER_CUT_OFF),
    ],
)
def test_a_task_belongs_to_the_first_round_that_reaches_and_includes_it(
    record: RoundRecord, committed_at: int, reached: dict[str, set[str]], expected: str
) -> None:
    task = TASK.model_copy(update={"committed_at": committed_at})

    assert left_out(task, record, [EARLY, LATE], reached) == expected


def test_a_held_out_repository_is_never_attempted() -> None:
    record = LATE.model_copy(update={"held_out": ("demo",)})

    assert left_out(TASK, record, [record], REACHED) == HELD_OUT


@pytest.mark.parametrize(
    ("name", "repo", "words"), [("r03", "demo", "not opened"), ("r02", "other", "does not list")]
)
def test_a_round_that_does_not_know_the_repository_is_refused(
    name: str, repo: str, words: str
) -> None:
    with pytest.raises(RoundError, match=words):
        listed_round([EARLY, LATE], name, repo)
    assert listed_round([EARLY, LATE], "r02", "demo") == LATE


def test_newest_admitted_tasks_come_first() -> None:
    def task(date: int, *, admitted: bool = True) -> TaskRow:
        update = {"committed_at": date, "sha": f"{date:040d}", "admitted": admitted}
        return TASK.model_copy(update=update)

    tasks = [task(1), task(3), task(9, admitted=False), task(2)]

    assert [item.committed_at for item in newest_tasks(tasks, 2)] == [3, 2]
    assert len(newest_tasks(tasks, 0)) == 3


def test_a_proposal_is_only_what_differs_from_the_base() -> None:
    base = {"a.py": Blob("100755", b"a\n"), "b.py": blob("b\n"), "c.py": blob("c\n")}
    proposal = outside_run()[1].proposal.model_copy(
        update={
            "files": (
                TextFile(path="a.py", text="A\n"),
                TextFile(path="b.py", text="b\n"),
                TextFile(path="n.py", text="n\n"),
            ),
            "deleted": ("c.py",),
        }
    )
    change = proposed_change(proposal, base)

    assert change.paths == ("a.py", "c.py", "n.py")
    assert change.after == {"a.py": Blob("100755", b"A\n"), "n.py": blob("n\n")}
    assert change.deleted == ("c.py",)


def attempt(outcome: Outcome, agent: str = "mutant", *, imports: bool = True) -> AttemptRow:
    tally = judged_nothing(outcome, "" if outcome is Outcome.PASSED else "why", "detail")
    plan, run = outside_run()
    named = plan.model_copy(update={"agent": agent})
    return attempt_row(
        TASK, "r01", named, run, tally, attempt_id="id", patch=outcome.value, imports=imports
    )


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([("scope", "gold", "stop"), ("implement", "openai", "stop")], ("implement",)),
        ([("implement", "openai", "stop"), ("scope", "openai", "length")], ("implement", "scope")),
        ([("meta_plan", "openai", "stop"), ("implement", "gold", "error")], ("meta_plan",)),
        ([("meta_plan", "openai", "stop"), ("implement", "openai", "error")], ("meta_plan",)),
        ([("implement", "openai", "error"), ("implement", "openai", "stop")], ("implement",)),
        ([("", "", "error")], ()),
        ([], ()),
    ],
)
def test_a_kind_is_a_models_where_a_model_answered_it(
    calls: list[tuple[str, str, str]], expected: tuple[str, ...]
) -> None:
    plain = example(CallRecord)
    assert isinstance(plain, CallRecord)
    plan, run = outside_run()
    made = tuple(
        plain.model_copy(update={"call_kind": kind, "responder": responder, "finish": finish})
        for kind, responder, finish in calls
    )
    row = attempt_row(
        TASK, "r01", plan, run.model_copy(update={"calls": made}),
        judged_nothing(Outcome.PASSED, "", ""), attempt_id="id", patch="", imports=True,
    )  # fmt: skip

    assert row.by_model == expected


def test_a_pass_counts_only_where_the_agent_itself_came_through() -> None:
    passed, failed = judged_nothing(Outcome.PASSED, "", ""), judged_nothing(Outcome.FAILED, "f", "")
    run = outside_run()[1]
    skipped = run.model_copy(update={"withheld": "parts_missing"})

    assert withheld(passed, run) == passed
    assert withheld(failed, skipped) == failed
    assert withheld(passed, skipped).outcome is Outcome.FAILED
    assert withheld(passed, skipped).reason == "parts_missing"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (attempt(Outcome.PASSED), "mutant: passed (weak tests)"),
        (attempt(Outcome.PASSED, "gold_patch"), "gold_patch: passed"),
        (attempt(Outcome.FAILED), "mutant: failed"),
        (attempt(Outcome.FAILED, imports=False), "mutant: failed (does not import)"),
        (attempt(Outcome.TIMED_OUT, imports=False), "mutant: timed_out"),
    ],
)
def test_weak_tests_and_lost_imports_are_counted_apart(row: AttemptRow, expected: str) -> None:
    assert label(row) == expected


def test_weak_tests_are_shown_first() -> None:
    shown = preview_of_attempts([attempt(Outcome.FAILED), attempt(Outcome.PASSED)])

    assert [row["counted as"] for row in shown] == ["mutant: passed (weak tests)", "mutant: failed"]


@pytest.mark.parametrize(
    ("results", "errors", "expected"),
    [
        ({f"{TESTS}::new": "failed"}, [], True),
        ({f"{TESTS}::new": "failed"}, ["tests/other.py"], True),
        ({"tests/other.py::x": "passed"}, [TESTS], False),
        ({"tests/other.py::x": "passed"}, [""], False),
        ({}, [], False),
    ],
)
def test_a_lost_import_shows_in_the_files_of_expected_tests(
    results: dict[str, str], errors: list[str], *, expected: bool
) -> None:
    assert still_imports(TASK, report(results, errors=errors)) is expected
