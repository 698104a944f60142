"""Each guard, broken once."""

from __future__ import annotations

import pytest

from cra_pipeline.adapters.guards import (
    GuardPolicy,
    chosen_base,
    require_both_answers,
    require_gate_1,
    require_others_words,
    require_parallelism,
    require_recipe_base,
    require_replay,
    require_shortfall,
    tier_of,
)
from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.gates import ArmFigure, Estimate, GateReport, RoundGateReport
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline_tests.adapters.worlds import base_record, phase, recipe, sample, sft_row

POLICY = GuardPolicy()
GATED = base_record()
UNGATED = base_record(gate_1="")


def opened(name: str = "r02", **waivers: str) -> RoundRecord:
    return RoundRecord(
        round=name, cut_off=1, pins=(), held_out=(), waivers=tuple(sorted(waivers.items()))
    )


def round_gate(name: str, decision: str, *, adapters: str = "passed") -> RoundGateReport:
    told = {"round": name, "gate_1": decision, "gate_1_adapters": adapters}
    return sample(RoundGateReport).model_copy(update=told)


def base_half(**shares: float) -> GateReport:
    figures = tuple(
        ArmFigure(
            arm="candidate",
            metric=metric.replace("__", ":"),
            estimate=Estimate(value=share, low=0.0, high=1.0, clusters=30, method="Wilson"),
        )
        for metric, share in shares.items()
    )
    return sample(GateReport).model_copy(update={"figures": figures})


def test_the_kinds_are_ordered_by_risk() -> None:
    assert {kind: tier_of(kind) for kind in ADAPTER_KINDS} == {
        "scope": 1, "execute_code": 1, "precision": 2, "task_analysis": 2, "planning_dpo": 3,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ADAPTER_KINDS)
def test_no_kind_is_trained_on_a_base_that_was_never_gated(kind: str) -> None:
    passed = [round_gate("r01", "passed")]

    with pytest.raises(ValueError, match=f"{kind}: no report of Gate 1's base half"):
        require_gate_1(kind, UNGATED, opened(), passed)


def test_a_waiver_of_the_base_half_is_told() -> None:
    used = require_gate_1("scope", UNGATED, opened(gate_1_base_half="a demo"), [])

    assert used == ("gate_1_base_half waived: a demo",)


@pytest.mark.parametrize("kind", ["scope", "execute_code"])
def test_the_first_tier_needs_the_base_half_alone(kind: str) -> None:
    assert require_gate_1(kind, GATED, opened(), []) == ()


@pytest.mark.parametrize("kind", ["precision", "task_analysis", "planning_dpo"])
@pytest.mark.parametrize(
    "reports",
    [
        [],
        [round_gate("r01", "failed")],
        [round_gate("r02", "not_enough_evidence")],
        [round_gate("r03", "passed")],
        # Of scope alone: the base half passed, and the adapter half has no code adapter to go by.
        [round_gate("r01", "passed", adapters="not_enough_evidence")],
        [round_gate("r01", "failed", adapters="passed")],
        [
            round_gate("r01", "passed", adapters="failed"),
            round_gate("r02", "failed", adapters="passed"),
        ],
    ],
)
def test_later_tiers_wait_for_gate_1(kind: str, reports: list[RoundGateReport]) -> None:
    with pytest.raises(ValueError, match="waits until Gate 1 has passed"):
        require_gate_1(kind, GATED, opened(), reports)


@pytest.mark.parametrize("kind", ["precision", "task_analysis", "planning_dpo"])
def test_later_tiers_go_on_once_gate_1_has_passed(kind: str) -> None:
    assert require_gate_1(kind, GATED, opened(), [round_gate("r01", "passed")]) == ()
    assert require_gate_1(kind, GATED, opened(gate_1="a trial"), []) == ("gate_1 waived: a trial",)


@pytest.mark.parametrize(
    "report",
    [
        None,
        base_half(),
        base_half(valid_plans__meta_plan=0.9, valid_plans__step_plan=1.0),
        base_half(planning_failures=0.3),
    ],
)
def test_preferences_of_plans_are_refused_without_a_shortfall(report: GateReport | None) -> None:
    with pytest.raises(ValueError, match="shows no shortfall"):
        require_shortfall("planning_dpo", report, opened(), POLICY)


@pytest.mark.parametrize(
    "report",
    [
        base_half(valid_plans__meta_plan=0.95, valid_plans__test_plan=0.89),
        base_half(valid_plans__meta_plan=0.95, planning_failures=0.31),
    ],
)
def test_preferences_of_plans_are_trained_where_planning_falls_short(report: GateReport) -> None:
    (found,) = require_shortfall("planning_dpo", report, opened(), POLICY)

    assert found.startswith("planning falls short")


def test_a_shortfall_is_asked_of_the_third_tier_alone_and_can_be_waived() -> None:
    waived = opened(planning_shortfall="a study")

    assert require_shortfall("scope", None, opened(), POLICY) == ()
    assert require_shortfall("planning_dpo", None, waived, POLICY) == (
        "planning_shortfall waived: a study",
    )


def test_zero_3_is_refused_on_qwen3_alone() -> None:
    with pytest.raises(ValueError, match="ZeRO-3 with LoRA"):
        require_parallelism(3, "Qwen3ForCausalLM")
    require_parallelism(2, "Qwen3ForCausalLM")
    require_parallelism(3, "Qwen2ForCausalLM")


def test_a_base_of_other_content_is_refused() -> None:
    named = recipe(phase("sft"), base_id=GATED.base_id, base_digest="0" * 64)

    with pytest.raises(ValueError, match="names base"):
        require_recipe_base(named, GATED)


@pytest.mark.parametrize("end", ["", "<|endoftext|>"])
def test_an_end_of_turn_that_would_never_be_trained_is_refused(end: str) -> None:
    named = recipe(
        phase("sft"), base_id=GATED.base_id, base_digest=GATED.content_id, end_of_turn=end
    )

    with pytest.raises(ValueError, match="would never be trained"):
        require_recipe_base(named, GATED)


def manifest(round_name: str, *, rows: int, replayed: int) -> DatasetManifest:
    return sample(DatasetManifest).model_copy(
        update={"round": round_name, "rows": rows, "replayed": replayed}
    )


@pytest.mark.parametrize(("rows", "replayed"), [(100, 0), (100, 9), (0, 0)])
def test_a_later_dataset_without_replay_is_refused(rows: int, replayed: int) -> None:
    with pytest.raises(ValueError, match="rows are replayed"):
        require_replay(manifest("r02", rows=rows, replayed=replayed), "r01", POLICY)


def test_the_first_dataset_has_nothing_to_replay() -> None:
    require_replay(manifest("r01", rows=10, replayed=0), "r01", POLICY)
    require_replay(manifest("r02", rows=10, replayed=1), "r01", POLICY)


def test_a_dataset_that_students_wrote_is_refused() -> None:
    rows = [sft_row(number, author="student" if number < 6 else "") for number in range(10)]

    with pytest.raises(ValueError, match="6 of 10 rows were written by models"):
        require_others_words(rows, POLICY)
    require_others_words(rows[2:], POLICY)
    require_others_words(rows, GuardPolicy(teachers=("student",)))


@pytest.mark.parametrize(("answer", "word"), [("yes", "yes"), ("No", "no"), ("?", "neither")])
def test_a_question_with_one_answer_only_is_refused(answer: str, word: str) -> None:
    rows = [sft_row(number, answer=answer) for number in range(4)]

    with pytest.raises(ValueError, match=f"scope: all 4 rows answer {word}"):
        require_both_answers(rows)


def test_both_answers_are_asked_of_questions_alone() -> None:
    require_both_answers([sft_row(0), sft_row(1)])
    require_both_answers([sft_row(0, call_kind="implement", answer="<edit/>")])


@pytest.mark.parametrize(
    ("kind", "base_id", "expected"),
    [
        ("scope", "", "reasoning-32k-base-v2"),
        ("execute_code", "", "coding-32k-base-v1"),
        ("scope", "tiny-16k-base-v1", "tiny-16k-base-v1"),
    ],
)
def test_the_newest_base_that_a_kind_names_is_chosen(
    kind: str, base_id: str, expected: str
) -> None:
    known = [
        base_record(base_id="coding-32k-base-v1", role="coding", name="own coder"),
        base_record(base_id="reasoning-32k-base-v1"),
        base_record(base_id="reasoning-32k-base-v2"),
        base_record(base_id="reasoning-8k-base-v3", name="SmolLM2"),
        base_record(base_id="tiny-16k-base-v1", role="tiny", name="tiny"),
    ]

    assert chosen_base(ADAPTER_KINDS[kind], known, base_id).base_id == expected


@pytest.mark.parametrize("base_id", ["", "reasoning-32k-base-v7"])
def test_without_a_base_one_is_told_what_to_do(base_id: str) -> None:
    tiny = base_record(base_id="tiny-16k-base-v1", role="tiny", name="tiny")

    with pytest.raises(ValueError, match=r"tiny-16k-base-v1 .tiny.; import one, or name one"):
        chosen_base(ADAPTER_KINDS["scope"], [tiny], base_id)
