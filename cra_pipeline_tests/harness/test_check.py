"""Every rule of the checks, broken once."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.tasks import AttemptRow, ControlResult, GoldRun, Outcome, TaskRow
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.diffs import TreeChange
from cra_pipeline.harness.attempts import attempt_row, judged_nothing, outside_run
from cra_pipeline.harness.check import Demands, attempt_findings, task_findings, triple_findings
from cra_pipeline.harness.controls import CATEGORIES
from cra_pipeline.harness.policy import TaskPolicy, policy_json
from cra_pipeline.harness.proving import prove, run_controls
from cra_pipeline.harness.triples import rendered_triple
from cra_pipeline_tests.harness.benches import SOURCE, blob, problem_of

POLICY = TaskPolicy()
DEMANDS = Demands.of(policy_json(POLICY))


def proven() -> TaskRow:
    problem, bench = problem_of("base", "base\nright", "", "old needs base\nnew needs right\n")
    wrong = TreeChange({SOURCE: blob("base")}, {SOURCE: blob("base\nwrong")})
    return run_controls(
        prove(problem, bench, POLICY),
        problem,
        bench,
        POLICY,
        categories=CATEGORIES,
        forge=lambda _: wrong,
    )


TASK = proven()
REFUSED = TASK.model_copy(update={"admitted": False, "reason": "gold_fails", "task_id": "demo-2"})
PASSED = GoldRun(order_seed=0, hash_seed=0, outcome=Outcome.PASSED, reason="")
SCORED = ControlResult(category="exit_at_import", outcome=Outcome.PASSED, reason="")


def test_the_numbers_are_read_from_the_manifests_policy() -> None:
    assert (DEMANDS.gold, DEMANDS.controls, DEMANDS.full) == (3, 3, 1)


def test_proven_and_refused_rows_hold() -> None:
    assert task_findings([TASK, REFUSED], rows=2, demands=DEMANDS) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fail_to_pass": ()}, "without a FAIL_TO_PASS"),
        ({"gold_runs": (PASSED,) * 2}, "gold passed 2 of 2 runs, not 3"),
        (
            {"gold_runs": (PASSED, PASSED, PASSED.model_copy(update={"outcome": Outcome.FAILED}))},
            "gold passed 2 of 3",
        ),
        ({"controls": TASK.controls[1:]}, "without its no-op"),
        ({"controls": TASK.controls[:3]}, "with 2 controls, expected 3"),
        ({"controls": (*TASK.controls[:-1], SCORED)}, "ended passed"),
        ({"controls": (*TASK.controls, TASK.controls[1])}, "occurs 2 times"),
        ({"controls": TASK.controls[:5]}, "ran every control"),
        ({"reason": "odd"}, "with the reason odd"),
        ({"statement": ""}, "no statement"),
        ({"quarantined": TASK.fail_to_pass}, "listed elsewhere"),
        ({"admitted": False}, "no reason given"),
        ({"kind": "tests-only"}, "without a killed mutant"),
    ],
)
def test_each_broken_rule_of_a_task_is_found(change: dict[str, object], words: str) -> None:
    broken = TASK.model_copy(update=change)

    assert any(words in fault for fault in task_findings([broken], rows=1, demands=DEMANDS))


def test_rows_and_ids_of_tasks_are_counted() -> None:
    found = task_findings([TASK, TASK], rows=3, demands=DEMANDS)

    assert "counts 3 rows" in found[0]
    assert "occurs 2 times" in found[1]


def attempt(outcome: Outcome = Outcome.FAILED, agent: str = "mutant") -> AttemptRow:
    tally = judged_nothing(outcome, "" if outcome is Outcome.PASSED else "why", "")
    plan, run = outside_run()
    named = plan.model_copy(update={"agent": agent})
    name = f"{agent} {tally.outcome}"
    return attempt_row(TASK, "r01", named, run, tally, attempt_id=name, patch="p", imports=True)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (attempt().model_copy(update={"task_id": "demo-2"}), "no admitted task"),
        (attempt().model_copy(update={"round": "r02"}), "belongs to r02"),
        (attempt().model_copy(update={"reason": ""}), "with the reason ''"),
        (attempt(Outcome.PASSED).model_copy(update={"reason": "x"}), "with the reason 'x'"),
        (attempt(agent="gold_patch"), "gold of"),
    ],
)
def test_each_broken_rule_of_an_attempt_is_found(row: AttemptRow, words: str) -> None:
    tasks = [TASK, REFUSED]

    assert attempt_findings([attempt()], tasks, rows=1, round_name="r01") == ()
    assert any(words in fault for fault in attempt_findings([row], tasks, rows=1, round_name="r01"))


def triple() -> TripleRow:
    return rendered_triple(
        attempt(), sha=TASK.sha, kind=TASK.kind, prompt="p", output="o", right_answer="r"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attempt_id": "nobody"}, "does not exist"),
        ({"outcome": Outcome.PASSED}, "its attempt does not"),
        ({"prompt": "other"}, "another hash"),
    ],
)
def test_each_broken_rule_of_a_triple_is_found(change: dict[str, object], words: str) -> None:
    broken = triple().model_copy(update=change)

    assert triple_findings([triple()], [attempt()], rows=1) == ()
    assert any(words in fault for fault in triple_findings([broken], [attempt()], rows=1))
    assert "occurs 2 times" in triple_findings([triple()] * 2, [attempt()], rows=2)[0]
