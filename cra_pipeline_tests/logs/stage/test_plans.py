"""Plans of a workspace: from evidence that was checked, repeatable, and recorded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.plans import TrainingPlan
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, StoreError
from cra_pipeline.integrations.files import write_record
from cra_pipeline.logs.policy import PlanPolicy
from cra_pipeline.logs.stage.plans import check_plan, make_plan, plan_path, read_plan, report_path
from cra_pipeline.logs.stage.snapshots import check_snapshot, snapshot_raw
from cra_pipeline_tests.histories import FIRST, Upstream
from cra_pipeline_tests.integrations.raw_db.databases import rows
from cra_pipeline_tests.logs.workspaces import example_workspace, open_rounds


@pytest.fixture
def home(tmp_path: Path) -> Layout:
    layout = example_workspace(tmp_path)
    snapshot_raw(layout, "r01")
    check_snapshot(layout, "r01")
    return layout


def test_a_plan_is_written_with_its_report_and_its_rows(home: Layout) -> None:
    report = make_plan(home, "r01")
    check = check_plan(home, "r01")

    plan = read_plan(home, "r01")
    scope = next(item for item in plan.call_kinds if item.call_kind == "scope")
    assert (scope.disagreement.hits, scope.disagreement.of) == (1, 2)
    assert {item.decision for item in plan.adapters} == {"too_little_data"}
    assert "# Training plan of round r01" in report_path(home, "r01").read_text(encoding="utf-8")
    assert len(rows(home.raw_db, "SELECT * FROM training_plans")) == len(plan.adapters)
    assert check.passed
    assert report.plot is not None
    assert {item.name for item in report.manifest.inputs} == {
        "attempts/till|r01", "preference_pairs/till|r01", "raw_snapshot/r01", "triples/till|r01",
    }  # fmt: skip


def test_the_same_evidence_gives_the_same_bytes_and_no_second_row(
    tmp_path: Path, home: Layout
) -> None:
    other = example_workspace(tmp_path / "other")
    snapshot_raw(other, "r01")
    check_snapshot(other, "r01")
    for layout in (home, other):
        make_plan(layout, "r01")
    first = rows(home.raw_db, "SELECT * FROM training_plans")
    # The plan's own rows are in the database that the next snapshot copies.
    snapshot_raw(home, "r01")
    check_snapshot(home, "r01")
    make_plan(home, "r01")

    assert plan_path(home, "r01").read_bytes() == plan_path(other, "r01").read_bytes()
    assert report_path(home, "r01").read_bytes() == report_path(other, "r01").read_bytes()
    assert rows(home.raw_db, "SELECT * FROM training_plans") == first


def test_a_plan_without_a_raw_database_is_made_all_the_same(home: Layout) -> None:
    home.raw_db.unlink()

    make_plan(home, "r01")

    assert not home.raw_db.exists()
    assert read_plan(home, "r01").round == "r01"


def test_a_snapshot_that_was_not_checked_is_no_ground(home: Layout) -> None:
    home.check("raw_snapshot", "r01").unlink()

    with pytest.raises(CheckError, match="raw_snapshot of r01 is not ready"):
        make_plan(home, "r01")


def test_a_later_round_reads_the_earlier_ones(home: Layout) -> None:
    open_rounds(home, "r01", "r02")
    snapshot_raw(home, "r02")
    check_snapshot(home, "r02")
    make_plan(home, "r02")

    plan = read_plan(home, "r02")
    assert plan.rounds == ("r01", "r02")
    assert next(item for item in plan.call_kinds if item.call_kind == "scope").model_calls == 2


def test_held_out_repositories_are_not_read(home: Layout) -> None:
    open_rounds(home, "r01", held_out=("till",))
    make_plan(home, "r01")

    assert read_plan(home, "r01").call_kinds == ()


def test_numbers_of_another_policy_are_kept_with_the_plan(home: Layout) -> None:
    make_plan(home, "r01", policy=PlanPolicy(confidence=0.5))

    assert '"confidence":0.5' in read_plan(home, "r01").policy
    assert check_plan(home, "r01").passed


def test_the_check_finds_a_plan_that_was_changed(home: Layout) -> None:
    make_plan(home, "r01")
    plan = read_plan(home, "r01")
    forged = plan.adapters[0].model_copy(update={"decision": "train"})
    changed = plan.model_copy(update={"adapters": (forged, *plan.adapters[1:])})
    write_record(plan_path(home, "r01"), TrainingPlan.model_validate(changed))

    check = check_plan(home, "r01")

    assert not check.passed
    assert "the table and plan.json differ" in check.findings


def test_a_plan_with_a_damaged_policy_is_refused(home: Layout) -> None:
    make_plan(home, "r01")
    plan = read_plan(home, "r01").model_copy(update={"policy": "[]"})
    write_record(plan_path(home, "r01"), plan)

    with pytest.raises(StoreError, match="expected the numbers of a plan"):
        check_plan(home, "r01")


@pytest.mark.parametrize(("later", "told"), [(0, 1), (-1, 0)])
def test_a_cut_off_after_all_commits_is_told(later: int, told: int, home: Layout) -> None:
    made = Upstream(home.root.parent / "till")
    pin = made.commit({"till.py": "x = 1\n"})
    made.bare(home.snapshot("till"))
    record = RoundRecord(round="r01", cut_off=FIRST + later, pins=(("till", pin),), held_out=())
    write_record(home.rounds / "r01.json", record)
    make_plan(home, "r01")
    page = report_path(home, "r01").read_text(encoding="utf-8")

    assert check_plan(home, "r01").passed
    assert page.count("the holdout in time of r01 is empty") == told
    assert len(read_plan(home, "r01").notes) == told
