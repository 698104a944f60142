"""What a plan decides, and what it says of too little data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from cra_pipeline.contracts.logs import CallEvidence
from cra_pipeline.contracts.plans import AdapterPlan, TrainingPlan
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline.logs.check import plan_findings
from cra_pipeline.logs.entries import entries, plan_task
from cra_pipeline.logs.plan import PlanInputs, training_plan
from cra_pipeline.logs.policy import PlanPolicy
from cra_pipeline.logs.report import report
from cra_pipeline_tests.logs.groups import answers, calls, evidence, stock, verdicts

POLICY = PlanPolicy()


def no_calls(_: str) -> Sequence[CallEvidence]:
    return []


def planned(**found: Any) -> TrainingPlan:  # noqa: ANN401  # any of the inputs
    empty: dict[str, Any] = {
        "round": "r01", "rounds": ("r01",), "held_out": (), "calls": [], "answers": [],
        "verdicts": [], "stock": [], "evidence": no_calls,
    }  # fmt: skip
    return training_plan(PlanInputs(**empty | found), POLICY)


def of(plan: TrainingPlan, kind: str) -> AdapterPlan:
    return next(item for item in plan.adapters if item.adapter_kind == kind)


def test_without_logs_every_kind_has_too_little_data() -> None:
    plan = planned()

    assert {item.adapter_kind for item in plan.adapters} == set(ADAPTER_KINDS)
    assert {item.decision for item in plan.adapters} == {"too_little_data"}
    assert of(plan, "scope").reason == (
        "too little data: 0 examples, at least 500 are worth a training"
    )
    assert of(plan, "planning_dpo").reason.startswith("too little data: 0 preference pairs")


@pytest.mark.parametrize(("rows", "decision"), [(499, "too_little_data"), (500, "train")])
def test_the_least_number_of_examples_is_a_line(rows: int, decision: str) -> None:
    assert of(planned(stock=[stock("scope", rows)]), "scope").decision == decision


@pytest.mark.parametrize(
    ("right", "wrong", "decision"),
    [(50, 50, "train"), (88, 12, "measure_more"), (1000, 50, "good_enough")],
)
def test_a_kind_is_weak_only_where_it_is_sure(right: int, wrong: int, decision: str) -> None:
    plan = planned(
        stock=[stock("scope", 2000)],
        calls=calls("scope", right + wrong),
        answers=answers("scope", right, wrong),
    )

    assert of(plan, "scope").decision == decision


def test_unreadable_answers_are_a_weakness_of_their_own() -> None:
    plan = planned(stock=[stock("scope", 2000)], calls=calls("scope", 900, 100))

    assert of(plan, "scope").decision == "train"
    assert "errors 10.0 % of 1000 [8.3-12.0 %]" in of(plan, "scope").reason


def test_pairs_alone_feed_the_kind_that_learns_preferences() -> None:
    plan = planned(stock=[stock("meta_plan", 9000), stock("part_plan", 250, form="dpo")])

    assert of(plan, "planning_dpo").examples == 250
    assert [(item.form, item.rows) for item in of(plan, "planning_dpo").stock] == [("dpo", 250)]


def test_code_lists_its_pairs_but_needs_examples() -> None:
    plan = planned(stock=[stock("implement", 10, form="dpo"), stock("implement", 20)])

    assert of(plan, "execute_code").examples == 20
    assert [item.form for item in of(plan, "execute_code").stock] == ["sft", "dpo"]


def test_sources_are_drawn_from_by_trust() -> None:
    groups = [stock("scope", 10, source=name) for name in ("logged", "synthetic", "harness")]

    assert of(planned(stock=groups), "scope").sources == ("synthetic", "harness", "logged")


def test_the_greatest_harm_is_trained_first() -> None:
    plan = planned(
        stock=[stock("scope", 2000), stock("precision_pass2", 3000)],
        calls=[*calls("scope", 100), *calls("precision_pass2", 1000)],
        answers=[*answers("scope", 50, 50), *answers("precision_pass2", 500, 500)],
    )

    assert [(item.rank, item.adapter_kind) for item in plan.adapters[:2]] == [
        (1, "precision"), (2, "scope"),
    ]  # fmt: skip


def test_an_aim_is_the_gate_or_just_above_what_is_measured() -> None:
    low = of(planned(answers=answers("scope", 60, 40)), "scope").target
    high = of(planned(answers=answers("scope", 95, 5)), "scope").target

    assert (low.metric, low.aim, low.gain) == ("relevant_recall", 0.85, 0.25)
    assert (high.aim, high.gain) == (1.0, 0.05)
    assert high.examples > low.examples > 0


def test_success_is_that_of_attempts_in_which_a_model_wrote_the_code() -> None:
    plan = planned(
        verdicts=[
            verdicts("implement", 3, 10),
            verdicts("test_implement", 3, 10),
            verdicts("implement", 9, 9, responder="gold"),
        ]
    )

    now = of(plan, "execute_code").target.now
    assert (now.hits, now.of) == (3, 10)


def test_the_calls_to_read_are_those_of_models() -> None:
    wrong = evidence(1, output="no")
    plan = planned(
        calls=calls("scope", 5), evidence=lambda kind: [wrong] if kind == "scope" else []
    )

    assert [ref.rule for ref in of(plan, "scope").evidence] == ["disagreement"]
    assert of(planned(evidence=lambda _: [wrong]), "scope").evidence == ()


def test_numbers_of_a_policy_are_read_back() -> None:
    assert PlanPolicy.parse(POLICY.canonical()) == POLICY
    with pytest.raises(ValueError, match="expected the numbers of a plan"):
        PlanPolicy.parse('{"colour": 1}')


def test_the_report_tells_every_number_it_needs() -> None:
    plan = planned(
        stock=[stock("scope", 700)],
        calls=[*calls("scope", 100), *calls("stage_routing", 7, responder="gold")],
        answers=answers("scope", 50, 50),
        evidence=lambda _: [evidence(1, output="no")],
    )
    page = report(plan, [], confidence=0.95)

    assert "1. **Train `scope`**: 700 examples; weak in scope" in page
    assert "50.0 % of 100 [40.4-59.6 %]" in page
    assert "2000 are recommended, only 1 of 6 domains" in page
    assert "Answered from the commit only: stage_routing 7 calls." in page
    assert "- `precision`: not yet. Too little data: 0 examples" in page
    tables = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_a_report_without_any_model_says_so() -> None:
    page = report(planned(), [], confidence=0.95)

    assert "No model has answered a call yet" in page
    assert "None: no model has answered a call." in page


def test_a_plan_becomes_one_row_for_each_adapter_kind() -> None:
    plan = planned(stock=[stock("scope", 700)])
    rows = {row.target_stage: row for row in entries(plan)}

    assert set(rows) == set(ADAPTER_KINDS)
    assert {row.task_id for row in rows.values()} == {plan_task(plan)}
    assert rows["scope"].base_model == "classifier"
    assert json.loads(rows["scope"].data_criteria)["decision"] == "train"
    assert json.loads(rows["scope"].hyperparameters)["rank"] == 16
    assert json.loads(rows["scope"].improvement_targets)["metric"] == "relevant_recall"


def test_another_plan_has_another_name() -> None:
    assert plan_task(planned()) != plan_task(planned(stock=[stock("scope", 1)]))


def test_a_plan_that_was_written_by_hand_is_found_out() -> None:
    plan = planned()
    forged = plan.model_copy(update={"rounds": ("r01", "r02")})

    assert plan_findings(plan, plan.adapters, plan) == []
    assert plan_findings(plan, plan.adapters[1:], plan) == ["the table and plan.json differ"]
    assert plan_findings(forged, plan.adapters, plan) == [
        "rounds: the evidence gives something else than plan.json"
    ]
