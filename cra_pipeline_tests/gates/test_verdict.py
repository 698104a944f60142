"""Decisions: what passes, what fails, and what is left open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cra_pipeline.contracts.gates import Arm, GateReport, Requirement
from cra_pipeline.gates.policy import GatePolicy
from cra_pipeline.gates.verdict import decision, judge
from cra_pipeline_tests.gates.arms import MODELS, answers, attempts, case

POLICY = GatePolicy(draws=400, least_tasks=20, least_per_class=10, least_forgetting_tasks=5)
GOOD, POOR = "p" * 34 + "f" * 6, "pf" * 10 + "f" * 20


def found(report: GateReport) -> dict[str, bool | None]:
    return {item.name: item.holds for item in report.requirements}


def test_an_adapter_that_solves_more_beyond_chance_passes() -> None:
    report = judge(case([*attempts("base", POOR), *attempts("candidate", GOOD)]), POLICY)

    assert report.decision == "passed"
    assert report.tasks == 40
    (change,) = report.changes
    assert change.test == "exact McNemar"
    assert len(change.won) == 24
    assert change.lost == ()
    assert "method='Wilson'" in repr(report.figures[0].estimate)


def test_an_adapter_that_solves_as_much_as_the_base_fails() -> None:
    report = judge(case([*attempts("base", GOOD), *attempts("candidate", GOOD)]), POLICY)

    assert report.decision == "failed"
    assert found(report)["gain_against_base"] is False


def test_an_adapter_must_also_be_better_than_the_incumbent() -> None:
    rows = [
        *attempts("base", POOR),
        *attempts("incumbent", GOOD),
        *attempts("candidate", GOOD),
    ]
    report = judge(case(rows, incumbent="execute_code-v1"), POLICY)

    assert report.decision == "failed"
    assert found(report)["gain_against_base"] is True
    assert found(report)["gain_against_incumbent"] is False


@pytest.mark.parametrize("missing", ["base", "incumbent", "candidate"])
def test_an_arm_that_is_missing_leaves_the_question_open(missing: Arm) -> None:
    arms: tuple[tuple[Arm, str], ...] = (("base", POOR), ("incumbent", POOR), ("candidate", GOOD))
    rows = [row for arm, told in arms if arm != missing for row in attempts(arm, told)]
    report = judge(case(rows, incumbent="execute_code-v1"), POLICY)

    assert report.decision == "not_enough_evidence"
    assert found(report)[f"evidence:{missing}"] is None


def test_no_rows_at_all_leave_the_question_open() -> None:
    report = judge(case([]), POLICY)

    assert report.decision == "not_enough_evidence"
    assert report.figures == ()


def test_fewer_tasks_than_the_least_never_pass() -> None:
    rows = [*attempts("base", "f" * 19), *attempts("candidate", "p" * 19)]
    report = judge(case(rows), POLICY)

    assert report.decision == "not_enough_evidence"
    assert found(report)["sample:tasks"] is None
    assert found(report)["gain_against_base"] is True


def test_a_task_that_one_arm_lacks_is_no_pair() -> None:
    rows = [*attempts("base", "f" * 30), *attempts("candidate", "p" * 30, first=15)]
    report = judge(case(rows), POLICY)

    assert report.tasks == 15
    assert report.decision == "not_enough_evidence"


def test_infrastructure_judges_nobody_and_too_much_of_it_leaves_the_question_open() -> None:
    few = [*attempts("base", POOR), *attempts("candidate", "ss" + GOOD[2:])]
    many = [*attempts("base", POOR), *attempts("candidate", "smsms" + GOOD[5:])]

    assert judge(case(few), POLICY).tasks == 38
    assert judge(case(few), POLICY).decision == "passed"
    assert found(judge(case(many), POLICY))["sample:judged:candidate"] is None
    assert judge(case(many), POLICY).decision == "not_enough_evidence"


@pytest.mark.parametrize(
    ("arm", "change", "name"),
    [
        ("base", {"model": "c" * 64}, "evidence:base"),
        ("candidate", {"model": f"{'c' * 64}+{'a' * 64}"}, "evidence:candidate"),
        ("candidate", {"model": MODELS["base"]}, "evidence:candidate"),
        ("candidate", {"served_as": "nf4"}, "evidence:served_alike"),
    ],
)
def test_arms_of_another_model_or_form_are_refused(
    arm: Arm, change: dict[str, str], name: str
) -> None:
    rows = [*attempts("base", POOR), *attempts("candidate", GOOD)]
    changed = [row.model_copy(update=change) if row.arm == arm else row for row in rows]
    report = judge(case(changed), POLICY)

    assert report.decision == "failed"
    assert found(report)[name] is False


def test_an_incumbent_that_the_round_does_not_name_is_refused() -> None:
    rows = [row for arm in MODELS for row in attempts(arm, GOOD)]

    assert found(judge(case(rows), POLICY))["evidence:incumbent"] is False


def test_rows_that_occur_twice_are_no_evidence() -> None:
    rows = [*attempts("base", POOR), *attempts("candidate", GOOD)]

    with pytest.raises(ValueError, match=r"candidate task-000: seed 0 .* was counted 2 times"):
        judge(case([*rows, rows[40]]), POLICY)


def test_answers_that_occur_twice_or_belong_to_nothing_are_no_evidence() -> None:
    rows = [*attempts("base", POOR), *attempts("candidate", GOOD)]
    said = answers("candidate", ["yn"])

    with pytest.raises(ValueError, match="call 0 of attempt candidate-0-"):
        judge(case(rows, [*said, said[0]]), POLICY)
    with pytest.raises(ValueError, match="answers of an attempt that is not there"):
        judge(case(rows, [said[0].model_copy(update={"attempt_id": "other"})]), POLICY)


def test_three_seeds_are_averaged_within_their_task_and_fewer_are_too_few() -> None:
    sampled = [*attempts("base", POOR, seeds=3), *attempts("candidate", GOOD, seeds=3)]
    flaky = [
        row.model_copy(update={"outcome": "failed"})
        if (row.arm, row.seed) == ("candidate", 2)
        else row
        for row in sampled
    ]
    report = judge(case(flaky), POLICY)
    two = [row for row in sampled if row.seed < 2]

    (change,) = report.changes
    assert change.test == "bootstrap by task"
    assert change.estimate.value == pytest.approx((34 * 2 / 3 - 10) / 40)
    assert change.estimate.clusters == 40
    assert found(judge(case(two), POLICY))["sample:seeds"] is None
    assert judge(case(two), POLICY).decision == "not_enough_evidence"


RIGHT, WRONG = "yn", "ny"


def scoped(said: list[str], before: list[str], **more: str) -> GateReport:
    count = len(said)
    rows = [
        *attempts("base", "p" * count, kind="scope"),
        *attempts("candidate", more.pop("outcomes", "p" * count), kind="scope"),
    ]
    expected = more.pop("expected", "yn")
    answered = [
        *answers("base", before, expected=expected),
        *answers("candidate", said, expected=expected),
    ]
    return judge(case(rows, answered, kind="scope"), POLICY)


def test_a_scope_adapter_that_reads_better_passes() -> None:
    report = scoped([RIGHT] * 36 + [WRONG] * 4, [RIGHT, WRONG] * 20)

    assert report.decision == "passed"
    assert report.primary == "balanced_accuracy"
    assert {item.arm for item in report.figures} == {"base", "candidate", "always_yes", "always_no"}


def test_always_saying_yes_never_passes_whatever_the_base_says() -> None:
    report = scoped(["yy"] * 40, [WRONG] * 40)

    assert found(report)["threshold:relevant_recall"] is True
    assert found(report)["gain_against_base"] is True
    assert found(report)["above_constant_answers"] is False
    assert report.decision == "failed"


def test_a_threshold_is_a_floor_whatever_is_gained() -> None:
    report = scoped([RIGHT] * 28 + [WRONG] * 12, [WRONG] * 40)

    assert found(report)["gain_against_base"] is True
    assert found(report)["threshold:relevant_recall"] is False
    assert report.decision == "failed"


def test_an_answer_that_cannot_be_read_is_wrong() -> None:
    report = scoped([RIGHT] * 30 + ["??"] * 10, [WRONG] * 40)
    figures = {(item.arm, item.metric): item.estimate for item in report.figures}
    accuracy, precision = figures["candidate", "accuracy"], figures["candidate", "precision"]

    assert accuracy is not None
    assert accuracy.value == 0.75
    assert precision is not None
    assert precision.value == 0.75


def test_a_secondary_metric_below_the_base_refuses() -> None:
    # Twelve questions that want a no to one that wants a yes: the base is sparing with its yes.
    sparing = ["n" * 13] * 20 + ["y" + "n" * 12] * 20
    lavish = ["y" + "y" * 3 + "n" * 9] * 40
    report = scoped(lavish, sparing, expected="y" + "n" * 12)

    assert found(report)["gain_against_base"] is True
    assert found(report)["threshold:accuracy"] is True
    assert found(report)["not_below_base:precision"] is False
    assert report.decision == "failed"


def test_questions_of_one_class_only_leave_the_question_open() -> None:
    report = scoped(["yy"] * 40, ["ny"] * 40, expected="y")

    assert report.decision == "not_enough_evidence"
    assert found(report)["sample:no"] is None
    assert found(report)["gain_against_base"] is None


def test_what_breaks_end_to_end_success_refuses_a_scope_adapter() -> None:
    report = scoped([RIGHT] * 40, [WRONG] * 40, outcomes="f" * 10 + "p" * 30)

    assert found(report)["gain_against_base"] is True
    assert found(report)["end_to_end"] is False
    assert report.decision == "failed"


def test_what_is_forgotten_on_held_out_repositories_refuses_what_is_gained_elsewhere() -> None:
    known_up = "".join("p" if number % 2 == 0 else "f" for number in range(60))
    base = "".join("f" if number % 2 == 0 else "pf"[number % 4 == 1] for number in range(60))
    report = judge(case([*attempts("base", base), *attempts("candidate", known_up)]), POLICY)

    assert found(report)["gain_against_base"] is True
    assert found(report)["forgetting:pass_at_1"] is False
    assert report.decision == "failed"


def test_too_few_tasks_of_held_out_repositories_leave_the_question_open() -> None:
    policy = replace(POLICY, least_forgetting_tasks=21)
    report = judge(case([*attempts("base", POOR), *attempts("candidate", GOOD)]), policy)

    assert report.decision == "not_enough_evidence"


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        ([], "not_enough_evidence"),
        ([True, True], "passed"),
        ([True, False], "failed"),
        ([False, None], "not_enough_evidence"),
    ],
)
def test_a_decision_follows_from_what_holds(holds: list[bool | None], expected: str) -> None:
    items = [Requirement(name="x", holds=one, found="", expected="") for one in holds]

    assert decision(items) == expected


letters = st.text("pf", min_size=20, max_size=40)


@settings(max_examples=25, deadline=None)
@given(letters)
def test_an_adapter_equal_to_the_base_never_passes(told: str) -> None:
    report = judge(case([*attempts("base", told), *attempts("candidate", told)]), POLICY)

    assert report.decision != "passed"
    assert all(item.p_value == 1 for item in report.changes)


@settings(max_examples=15, deadline=None)
@given(letters, st.randoms())
def test_neither_order_nor_time_matters(told: str, random: object) -> None:
    import random as source

    rows = [*attempts("base", told), *attempts("candidate", told[::-1])]
    shuffled = [row.model_copy(update={"latency_ms": 9.0 * at}) for at, row in enumerate(rows)]
    assert isinstance(random, source.Random)
    random.shuffle(shuffled)

    assert judge(case(shuffled), POLICY) == judge(case(rows), POLICY)
