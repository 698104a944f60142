"""The round gate on disk, and the advice that is read from reports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cra_pipeline.contracts.gates import Requirement, RoundGateReport
from cra_pipeline.errors import CheckError, StoreError
from cra_pipeline.gates.policy import TOGETHER
from cra_pipeline.gates.rows import WIDTHS, gate_rows
from cra_pipeline.gates.stage.advice import plateau_advice, rollback_advice
from cra_pipeline.gates.stage.reports import check_gate, gate, read_gate, read_gates
from cra_pipeline.gates.stage.rounds import (
    check_round_gate,
    read_round_gate,
    read_round_gates,
    round_gate,
)
from cra_pipeline.integrations.adapter_files import CONFIG, WEIGHTS, adapter_digest
from cra_pipeline.integrations.files import append_journal, write_bytes
from cra_pipeline_tests.gates.arms import ADAPTER
from cra_pipeline_tests.gates.test_ledger import lines as ledger
from cra_pipeline_tests.gates.worlds import (
    KEY,
    RIGHT,
    ROUND,
    WRONG,
    World,
    gated_world,
    scope_rows,
)


def gated(root: Path, *, better: bool = True) -> World:
    world = gated_world(root, better=better)
    gate(world.layout, KEY)
    check_gate(world.layout, KEY)
    return world


def not_holding(report: RoundGateReport) -> set[str]:
    return {item.name for item in report.requirements if item.holds is not True}


def test_one_candidate_is_the_whole_new_set(tmp_path: Path) -> None:
    world = gated(tmp_path)
    made = round_gate(world.layout, ROUND)
    report = read_round_gate(world.layout, ROUND)

    assert (report.gate_1, report.gate_2) == ("passed", "passed")
    assert not_holding(report) == {"gate_1:adapter:execute_code"}
    assert made.manifest.content_id == report.digest()
    assert check_round_gate(world.layout, ROUND).passed
    assert "waived: demo base" in report.requirements[0].found


def test_two_candidates_need_attempts_together(tmp_path: Path) -> None:
    world = gated(tmp_path)
    world.adapter("execute_code", digest="c" * 64)
    tried, _ = scope_rows([("base", WRONG), ("candidate", RIGHT)])
    second = [
        row.model_copy(
            update={"adapter_kind": "execute_code"}
            | ({"model": f"{'b' * 64}+{'c' * 64}"} if row.arm == "candidate" else
               {"outcome": "failed"})
        )
        for row in tried
    ]  # fmt: skip
    world.rows(second, key="execute_code|r01")
    gate(world.layout, "execute_code|r01")
    check_gate(world.layout, "execute_code|r01")
    round_gate(world.layout, ROUND)
    alone = read_round_gate(world.layout, ROUND)
    both = f"{'b' * 64}+{ADAPTER}+{'c' * 64}"
    world.rows(
        [row.model_copy(update={"adapter_kind": TOGETHER}
                        | ({"model": both} if row.arm == "candidate" else {})) for row in tried],
        key=f"{TOGETHER}|r01",
    )  # fmt: skip
    round_gate(world.layout, ROUND)

    assert [item.name for item in alone.candidates] == ["execute_code", "scope"]
    assert alone.gate_2 == "not_enough_evidence"
    assert read_round_gate(world.layout, ROUND).gate_2 == "passed"
    assert read_round_gate(world.layout, ROUND).gate_1_adapters == "passed"


def test_a_round_whose_candidates_failed_promotes_nothing(tmp_path: Path) -> None:
    world = gated(tmp_path, better=False)
    round_gate(world.layout, ROUND)
    report = read_round_gate(world.layout, ROUND)

    assert report.candidates == ()
    assert report.gate_2 == "not_enough_evidence"


def test_without_a_waiver_the_base_must_have_passed(tmp_path: Path) -> None:
    world = gated(tmp_path)
    world.round(waived=False)
    gate(world.layout, KEY)
    check_gate(world.layout, KEY)
    round_gate(world.layout, ROUND)

    assert read_round_gate(world.layout, ROUND).gate_1 == "not_enough_evidence"


def test_a_report_that_was_not_checked_is_refused(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    gate(world.layout, KEY)

    with pytest.raises(CheckError, match=r"gate_report of scope\|r01 is not ready"):
        round_gate(world.layout, ROUND)


def test_tools_that_do_not_work_are_told(tmp_path: Path) -> None:
    world = gated(tmp_path)
    world.checked("training_plan", ROUND, "counts differ")
    world.checked("sft_dataset", KEY, content_id="f" * 64)
    (world.layout.registry).mkdir()
    world.registered("scope-v1")
    world.registered("scope-v2")
    round_gate(world.layout, ROUND)
    report = read_round_gate(world.layout, ROUND)
    found = {item.name: item.found for item in report.requirements}

    assert "counts differ" in found["gate_2:train_plan"]
    assert "was trained from dddddddddddd" in found["gate_2:curate_data"]
    assert "line 2 does not follow" in found["gate_2:versioning"]
    assert report.gate_2 == "failed"


def rolled_on(tmp_path: Path, damage: str) -> Requirement:
    """What is found of going back to a version whose files were changed, lost or left alone."""
    world = gated(tmp_path)
    folder = world.layout.adapter_version("scope-v1")
    for name in (WEIGHTS, CONFIG):
        write_bytes(folder / name, name.encode())
    digest, _ = adapter_digest(folder)
    for line in ledger(
        ("registered", "scope-v1", ""),
        ("registered", "scope-v2", ""),
        ("promotion_intended", "scope-v2", "scope-v1"),
        ("promotion_done", "scope-v2", "scope-v1"),
    ):
        told = {"round": "r00", "adapter_digest": digest}
        append_journal(world.layout.registry / "ledger.jsonl", line.model_copy(update=told))
    # The round was trained again since.
    world.adapter(name="r00", digest="e" * 64)
    if damage == "gone":
        shutil.rmtree(folder)
    if damage == "changed":
        (folder / WEIGHTS).write_bytes(b"half")
    round_gate(world.layout, ROUND)
    report = read_round_gate(world.layout, ROUND)
    (found,) = [item for item in report.requirements if item.name == "gate_2:rollback"]
    return found


def test_training_a_round_again_does_not_bar_the_way_back(tmp_path: Path) -> None:
    assert "cannot be gone back to" not in rolled_on(tmp_path, "").found


@pytest.mark.parametrize(("damage", "told"), [("gone", "cannot be read"), ("changed", "knows")])
def test_a_version_whose_files_are_gone_or_changed_cannot_be_gone_back_to(
    tmp_path: Path, damage: str, told: str
) -> None:
    found = rolled_on(tmp_path, damage)

    assert found.holds is False
    assert "scope-v1 cannot be gone back to" in found.found
    assert told in found.found


def test_an_edited_round_gate_is_recognised_and_fails_its_check(tmp_path: Path) -> None:
    world = gated(tmp_path, better=False)
    round_gate(world.layout, ROUND)
    path = world.layout.partition("round_gate", ROUND) / "round_gate.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(told | {"gate_2": "passed"}), encoding="utf-8")

    with pytest.raises(StoreError, match="it was edited"):
        read_round_gate(world.layout, ROUND)
    assert not check_round_gate(world.layout, ROUND).passed


def test_a_report_that_changed_since_fails_the_rounds_check(tmp_path: Path) -> None:
    world = gated(tmp_path)
    round_gate(world.layout, ROUND)
    world.rows(*scope_rows([("base", WRONG), ("candidate", WRONG)]))
    gate(world.layout, KEY)
    check_gate(world.layout, KEY)

    assert not check_round_gate(world.layout, ROUND).passed


def test_rows_of_all_gates_fit_a_hundred_columns(tmp_path: Path) -> None:
    world = gated(tmp_path)
    round_gate(world.layout, ROUND)
    rows = gate_rows(read_gates(world.layout), read_round_gates(world.layout))

    assert [row["gate"] for row in rows] == ["r01 scope", "r01 Gate 1", "r01 Gate 2"]
    assert rows[0] | {"base": "0.0", "new": "100.0", "decision": "passed"} == rows[0]
    assert [row["why"] for row in rows] == ["", "waived", ""]
    assert sum(WIDTHS.values()) + 2 * (len(WIDTHS) - 1) <= 100
    assert all(len(row[name]) <= width for row in rows for name, width in WIDTHS.items())


def test_a_row_tells_first_that_nothing_was_gained(tmp_path: Path) -> None:
    world = gated(tmp_path, better=False)
    report = read_gate(world.layout, "scope", ROUND)
    short = [item.name for item in report.requirements if item.holds is not True]
    (row,) = gate_rows((report,))

    assert len(short) > 1
    assert row["why"] == f"gain_against_base +{len(short) - 1}"


def test_a_version_that_became_worse_is_told(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    world.round(incumbent="scope-v1")
    world.registered("scope-v1")
    world.rows(*scope_rows([("base", RIGHT), ("incumbent", WRONG), ("candidate", RIGHT)]))
    gate(world.layout, KEY)
    (advice,) = rollback_advice(world.layout, ROUND)

    assert advice.version == "scope-v1"
    assert "balanced_accuracy is below the base" in advice.reason


def test_two_rounds_without_a_gain_bring_advice(tmp_path: Path) -> None:
    world = gated_world(tmp_path, better=False)
    gate(world.layout, KEY)
    world.adapter(name="r02")
    world.round(name="r02")
    tried, heard = scope_rows([("base", WRONG), ("candidate", WRONG)])
    world.rows(
        [row.model_copy(update={"round": "r02"}) for row in tried],
        [row.model_copy(update={"round": "r02"}) for row in heard],
        key="scope|r02",
    )
    first = plateau_advice(world.layout, ())
    gate(world.layout, "scope|r02")
    (found,) = plateau_advice(world.layout, ())

    assert first == ()
    assert found.rounds == ("r01", "r02")
