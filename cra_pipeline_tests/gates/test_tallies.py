"""What is counted of answers: classes, files, plans."""

from __future__ import annotations

import pytest

from cra_pipeline.gates.metrics import METRICS, column
from cra_pipeline.gates.plan_answers import is_valid_plan
from cra_pipeline.gates.policy import rules_of
from cra_pipeline.gates.tallies import named_files, tally
from cra_pipeline_tests.gates.arms import answers, attempts, plan, plan_answer


def test_precision_counts_its_classes_on_the_pass_that_finds_primary_symbols() -> None:
    rules = rules_of("precision")
    rows = attempts("candidate", "p", kind="precision")
    first = answers("candidate", ["yyyy"], kind="precision", call_kind="precision_pass1")
    second = answers("candidate", ["yn"], kind="precision", call_kind="precision_pass2")
    found = tally(rows, [*first, *second], rules, ["precision_pass1", "precision_pass2"])
    sums = found.arms["candidate"].sum(axis=0)

    assert METRICS["primary_recall"](sums) == 1
    assert METRICS["accuracy"](sums) == pytest.approx(4 / 6)


def test_answers_of_attempts_that_judge_nobody_are_left_out() -> None:
    rows = attempts("candidate", "sp", kind="scope")
    found = tally(rows, answers("candidate", ["yn", "ny"]), rules_of("scope"), ["scope"])

    assert found.tasks == ("task-001",)
    assert METRICS["accuracy"](found.arms["candidate"].sum(axis=0)) == 0


def test_questions_asked_outside_of_attempts_count_by_themselves() -> None:
    alone = [row.model_copy(update={"attempt_id": ""}) for row in answers("candidate", ["yn"])]
    found = tally((), alone, rules_of("scope"), ["scope"])

    assert METRICS["accuracy"](found.arms["candidate"].sum(axis=0)) == 1
    assert column(found.arms["candidate"], "attempts").sum() == 0


def test_calls_of_other_kinds_are_left_out() -> None:
    rows = attempts("candidate", "p", kind="scope")
    strange = answers("candidate", ["yn"], call_kind="similarity")
    found = tally(rows, strange, rules_of("scope"), ["scope"])

    assert column(found.arms["candidate"], "asked").sum() == 0


def test_an_analysis_is_measured_by_the_files_that_it_names() -> None:
    right = "Add discounts to till.py and tests/test_till.py."
    said = plan_answer("candidate", 0, "task_analysis", "Change src/till.py, or shop.py?",
                       right=right)  # fmt: skip
    found = tally(attempts("candidate", "p"), [said], rules_of("task_analysis"), ["task_analysis"])
    sums = found.arms["candidate"].sum(axis=0)

    assert METRICS["file_recall"](sums) == 0.5
    assert METRICS["file_precision"](sums) == 0.5


def test_prose_names_no_files() -> None:
    assert named_files("e.g. the till, i.e. version 1.2 of it") == frozenset()
    assert named_files("see `a/b.py`, c.toml.") == {"b.py", "c.toml"}


PLAN = plan("parts", ("a", []), ("b", ["a"]))


@pytest.mark.parametrize("text", [PLAN, f"```json\n{PLAN}\n```"])
def test_a_plan_that_hangs_together_is_valid(text: str) -> None:
    assert is_valid_plan("meta_plan", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Here is the plan: " + PLAN,
        "[1]",
        plan("parts"),
        plan("steps", ("a", [])),
        plan("parts", ("a", []), ("a", [])),
        plan("parts", ("a", ["b"]), ("b", ["a"])),
        plan("parts", ("a", ["z"])),
        PLAN.replace('"rationale": "r"', '"rationale": ""'),
        PLAN.replace('["a"]', "null"),
        "[" * 100_000,
    ],
)
def test_what_the_agent_would_refuse_is_no_valid_plan(text: str) -> None:
    assert not is_valid_plan("meta_plan", text)
