"""A tuned base judged from the tables on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import CheckError
from cra_pipeline.gates.policy import BASE_HALF
from cra_pipeline.gates.stage.bases import base_report
from cra_pipeline_tests.gates.arms import ADAPTER, BASE, attempts, plan, plan_answer
from cra_pipeline_tests.gates.worlds import ROUND, World, gated_world

PLANS = {
    "meta_plan": plan("parts", ("a", [])),
    "part_plan": plan("steps", ("a", [])),
    "test_plan": plan("steps", ("a", [])),
}


def planned(root: Path, *, twice: bool = False) -> World:
    world = gated_world(root)
    rows = [
        *attempts("base", "pf" * 10, kind=BASE_HALF),
        *(row.model_copy(update={"model": ADAPTER})
          for row in attempts("candidate", "pf" * 10, kind=BASE_HALF)),
    ]  # fmt: skip
    said = [
        plan_answer("candidate", number, kind, text).model_copy(
            update={"model": ADAPTER, "call_number": call}
        )
        for number in range(20)
        for call, (kind, text) in enumerate(PLANS.items())
    ]
    world.rows([*rows, *rows[:twice]], said, key=f"{BASE_HALF}|r01")
    return world


def test_a_base_that_plans_passes_from_its_tables(tmp_path: Path) -> None:
    world = planned(tmp_path)
    report = base_report(world.layout, ROUND, untuned=BASE, tuned=ADAPTER, role="tiny")

    assert report.decision == "passed"
    assert report.adapter_digest == ADAPTER
    assert [item.name for item in report.inputs] == [
        f"holdout_attempts/{BASE_HALF}|r01",
        "rounds/r01",
    ]


def test_attempts_of_another_base_say_nothing_of_it(tmp_path: Path) -> None:
    world = planned(tmp_path)
    report = base_report(world.layout, ROUND, untuned=BASE, tuned="c" * 64, role="tiny")

    assert report.decision == "failed"


def test_rows_that_occur_twice_are_no_evidence_of_a_base(tmp_path: Path) -> None:
    world = planned(tmp_path, twice=True)

    with pytest.raises(CheckError, match="counted 2 times"):
        base_report(world.layout, ROUND, untuned=BASE, tuned=ADAPTER, role="tiny")
