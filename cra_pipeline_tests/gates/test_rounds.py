"""Gates 1 and 2: what a base, a first tier, and a whole new set must show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cra_pipeline.contracts.gates import GateReport, HoldoutAttempt, RoundGateReport
from cra_pipeline.gates.gate_1 import judge_base
from cra_pipeline.gates.gate_2 import LoopFacts, Set
from cra_pipeline.gates.planning import planning_failures
from cra_pipeline.gates.policy import BASE_HALF, GatePolicy, RoundPolicy
from cra_pipeline.gates.round_verdict import RoundCase, judge_round
from cra_pipeline.gates.verdict import judge
from cra_pipeline_tests.gates.arms import ADAPTER, attempts, case, plan, plan_answer

POLICY = RoundPolicy(measured=GatePolicy(draws=500))
WORKS = LoopFacts(train_plan="", curate_data="", versioning="", rollback="")
SAME = "p" * 10 + "f" * 30


def report(kind: str = "scope", decision: str = "passed") -> GateReport:
    made = judge(case([], kind=kind), POLICY.measured)
    return made.model_copy(update={"decision": decision})


def judged(
    rows: list[HoldoutAttempt] | None = None, **changes: object
) -> tuple[RoundGateReport, dict[str, bool | None]]:
    plain = [*attempts("base", SAME), *attempts("candidate", SAME)]
    whole = RoundCase(
        round="r01",
        reports=(report(),),
        active={},
        base_reports=("d" * 64,),
        base_waiver="",
        new=Set(candidates={"scope": ADAPTER}, attempts=plain if rows is None else rows),
        facts=WORKS,
    )
    made = judge_round(replace(whole, **changes), POLICY)  # type: ignore[arg-type]  # fields by name
    return made, {item.name: item.holds for item in made.requirements}


def test_a_new_set_that_keeps_what_was_solved_passes() -> None:
    made, _ = judged()

    assert (made.gate_1, made.gate_2) == ("passed", "passed")
    assert made.tasks == 40
    assert [item.name for item in made.candidates] == ["scope"]


def test_a_new_set_that_solves_less_fails() -> None:
    made, found = judged(
        [*attempts("base", "p" * 20 + "f" * 20), *attempts("candidate", "f" * 10 + SAME[:10]
                                                            + "f" * 20)]
    )  # fmt: skip

    assert found["gate_2:end_to_end"] is False
    assert made.gate_2 == "failed"
    assert len(made.changes[0].lost) == 10


def test_a_small_loss_that_may_be_a_large_one_fails_gate_2() -> None:
    made, found = judged(
        [*attempts("base", SAME), *attempts("candidate", "fff" + SAME[3:-1] + "p")]
    )

    assert made.changes[0].estimate.value == -0.05
    assert found["gate_2:end_to_end"] is False


def test_the_incumbents_are_what_a_new_set_is_held_against() -> None:
    rows = [
        *attempts("base", "f" * 40),
        *attempts("incumbent", "p" * 30 + "f" * 10),
        *attempts("candidate", SAME),
    ]
    made, found = judged(rows)

    assert made.changes[0].against == "incumbent"
    assert found["gate_2:end_to_end"] is False


def test_fewer_than_thirty_tasks_leave_gate_2_open() -> None:
    rows = [*attempts("base", "p" * 29), *attempts("candidate", "p" * 29)]
    made, found = judged(rows)

    assert found["gate_2:tasks"] is None
    assert made.gate_2 == "not_enough_evidence"


def test_fewer_than_five_passes_fail_gate_2() -> None:
    rows = [*attempts("base", "p" * 4 + "f" * 36), *attempts("candidate", "p" * 4 + "f" * 36)]
    made, found = judged(rows)

    assert found["gate_2:passes"] is False
    assert made.gate_2 == "failed"


def test_every_candidate_must_answer_in_the_new_set() -> None:
    new = Set(candidates={"scope": ADAPTER, "execute_code": "c" * 64}, attempts=[
        *attempts("base", SAME), *attempts("candidate", SAME)])  # fmt: skip
    made, found = judged(new=new)

    assert found["gate_2:whole_set"] is None
    assert made.gate_2 == "not_enough_evidence"


def test_a_round_without_a_candidate_leaves_gate_2_open() -> None:
    made, found = judged(reports=(report(decision="failed"),), new=Set(candidates={}, attempts=[]))

    assert found["gate_2:candidates"] is None
    assert made.gate_2 == "not_enough_evidence"


@pytest.mark.parametrize("tool", ["train_plan", "curate_data", "versioning", "rollback"])
def test_a_tool_that_does_not_work_fails_gate_2(tool: str) -> None:
    made, found = judged(facts=replace(WORKS, **{tool: "the check failed"}))

    assert found[f"gate_2:{tool}"] is False
    assert made.gate_2 == "failed"


def test_a_rollback_that_nobody_tried_leaves_gate_2_open() -> None:
    made, _ = judged(facts=replace(WORKS, rollback=None))

    assert made.gate_2 == "not_enough_evidence"


def test_rows_that_occur_twice_are_no_evidence_of_a_set() -> None:
    rows = [*attempts("base", SAME), *attempts("candidate", SAME)]

    with pytest.raises(ValueError, match="counted 2 times"):
        judged([*rows, rows[0]])


def test_a_base_without_a_report_leaves_gate_1_open_unless_the_round_waives_it() -> None:
    bare, _ = judged(base_reports=("",))
    waived, _ = judged(base_reports=("",), base_waiver="demo base")

    assert bare.gate_1 == "not_enough_evidence"
    assert waived.gate_1 == "passed"
    assert "waived: demo base" in waived.requirements[0].found


def test_later_tiers_need_scope_and_code_adapters() -> None:
    later = (report("precision"), report("scope"))
    missing, found = judged(reports=later)
    failed, _ = judged(reports=(*later, report("execute_code", "failed")))
    served, _ = judged(reports=later, active={"execute_code": "execute_code-v2"})

    assert found["gate_1:adapter:execute_code"] is None
    assert missing.gate_1 == "not_enough_evidence"
    assert failed.gate_1 == "failed"
    assert served.gate_1 == "passed"


def test_a_first_tier_alone_does_not_wait_for_its_other_half() -> None:
    made, found = judged()

    assert found["gate_1:adapter:execute_code"] is None
    assert made.gate_1 == "passed"
    assert made.gate_1_adapters == "not_enough_evidence"


def test_later_tiers_may_follow_once_both_halves_of_the_first_have_passed() -> None:
    now, _ = judged(reports=(report("scope"), report("execute_code")))
    failed, _ = judged(reports=(report("scope"), report("execute_code", "failed")))

    assert now.gate_1_adapters == "passed"
    assert failed.gate_1_adapters == "failed"


def base_case(before: str, after: str, broken: int) -> GateReport:
    """A tuned base of whose 40 meta plans some are broken."""
    good = {
        "meta_plan": plan("parts", ("a", [])),
        "part_plan": plan("steps", ("a", [])),
        "test_plan": plan("steps", ("a", [])),
    }
    rows = [
        *attempts("base", before, kind=BASE_HALF),
        *(row.model_copy(update={"model": ADAPTER})
          for row in attempts("candidate", after, kind=BASE_HALF)),
    ]  # fmt: skip
    answered = [
        plan_answer(
            "candidate", number, kind, "no" if kind == "meta_plan" and number < broken else text
        ).model_copy(update={"model": ADAPTER, "call_number": call})
        for number in range(len(after))
        for call, (kind, text) in enumerate(good.items())
    ]
    return judge_base(case(rows, answered, kind=BASE_HALF), POLICY)


def test_a_tuned_base_that_plans_and_solves_as_before_passes() -> None:
    assert base_case(SAME, SAME, 8).decision == "passed"


def test_a_type_of_plan_that_is_seldom_valid_fails_a_base() -> None:
    made = base_case(SAME, SAME, 9)

    assert made.decision == "failed"
    assert [item.name for item in made.requirements if item.holds is False] == [
        "gate_1:valid_plans:meta_plan"
    ]


def test_a_tuned_base_that_solves_less_fails() -> None:
    made = base_case(SAME, "f" * 4 + SAME[4:], 0)

    assert made.decision == "failed"


def test_invalid_plans_that_ended_their_attempt_still_count() -> None:
    made = base_case(SAME, "m" * 4 + SAME[4:], 12)

    assert "gate_1:valid_plans:meta_plan" in {
        item.name for item in made.requirements if item.holds is False
    }


def test_a_report_tells_what_planning_lacks() -> None:
    made = base_case(SAME, SAME, 8)
    figures = {item.metric: item.estimate for item in made.figures if item.arm == "candidate"}
    valid, blamed = figures["valid_plans:meta_plan"], figures["planning_failures"]

    assert valid is not None
    assert valid.value == 0.8
    # All of the eight broken plans are in attempts that passed.
    assert blamed is not None
    assert blamed.value == 0


def test_failures_are_the_plans_where_it_is_invalid_or_misses_files() -> None:
    rows = attempts("candidate", "ffpmf")
    right = plan("parts", ("a", [])).replace('"depends_on"', '"affected_files": ["a.py"], "x"')
    said = [
        plan_answer("candidate", 0, "meta_plan", right, right=right),
        plan_answer("candidate", 1, "meta_plan", plan("parts", ("a", [])), right=right),
        plan_answer("candidate", 2, "meta_plan", "no", right=right),
        plan_answer("candidate", 3, "meta_plan", "no", right=right),
    ]
    found = planning_failures(rows, said)

    assert found is not None
    assert (found.value, found.clusters) == (0.5, 4)


def test_an_adapter_is_no_base() -> None:
    with pytest.raises(ValueError, match="expected a case of gate_1_base_half"):
        judge_base(case([]), POLICY)
