"""Gate reports on disk: written once, read back unedited, and decided again from the tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cra_pipeline.contracts.gates import GateReport, HoldoutAttempt
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, RoundError, StoreError
from cra_pipeline.gates.stage.reports import check_gate, gate, read_gate, read_gates
from cra_pipeline.integrations.files import read_record, write_record, write_table
from cra_pipeline_tests.gates.arms import EARLIER
from cra_pipeline_tests.gates.worlds import (
    KEY,
    RIGHT,
    ROUND,
    WRONG,
    World,
    gated_world,
    scope_rows,
)


def report_of(layout: Layout) -> Path:
    return layout.partition("gate_report", KEY) / "gate.json"


def test_a_good_adapter_passes_and_its_report_is_a_page_too(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    made = gate(world.layout, KEY)
    report = read_gate(world.layout, "scope", ROUND)
    page = report_of(world.layout).with_name("gate.html").read_text(encoding="utf-8")

    assert report.decision == "passed"
    assert made.manifest.content_id == report.digest()
    assert made.plot is not None
    assert report_of(world.layout).with_name("gate.png").read_bytes() == made.plot
    assert check_gate(world.layout, KEY).passed
    assert read_gates(world.layout) == (report,)
    for told in ("gain_against_base", "always_yes", "task-000", "won: ", report.digest()):
        assert told in page
    assert "demo base" in page


def test_an_adapter_like_the_base_fails_and_the_report_is_sound_all_the_same(
    tmp_path: Path,
) -> None:
    world = gated_world(tmp_path, better=False)
    gate(world.layout, KEY)

    assert read_gate(world.layout, "scope", ROUND).decision == "failed"
    assert check_gate(world.layout, KEY).passed


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    gate(world.layout, KEY)
    folder = world.layout.partition("gate_report", KEY)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    tried, heard = scope_rows([("candidate", RIGHT), ("base", WRONG)])
    world.rows([row.model_copy(update={"latency_ms": 77.0}) for row in tried[::-1]], heard[::-1])
    gate(world.layout, KEY)
    second = read_gate(world.layout, "scope", ROUND)

    world.rows(*scope_rows([("base", WRONG), ("candidate", RIGHT)]))
    gate(world.layout, KEY)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert second.figures == read_gate(world.layout, "scope", ROUND).figures


def edited_decision(layout: Layout) -> None:
    path = report_of(layout)
    told = json.loads(path.read_text(encoding="utf-8"))
    told["decision"] = "passed"
    path.write_text(json.dumps(told), encoding="utf-8")


def forged_with_its_manifest(layout: Layout) -> None:
    edited_decision(layout)
    report = read_record(report_of(layout), GateReport)
    path = layout.manifest("gate_report", KEY)
    manifest = read_record(path, AssetManifest)
    write_record(path, manifest.model_copy(update={"content_id": report.digest()}))


def edited_page(layout: Layout) -> None:
    path = report_of(layout).with_name("gate.html")
    path.write_text(path.read_text(encoding="utf-8").replace("failed", "passed"), encoding="utf-8")


def test_a_report_edited_by_hand_is_recognised_when_it_is_read(tmp_path: Path) -> None:
    world = gated_world(tmp_path, better=False)
    gate(world.layout, KEY)
    edited_decision(world.layout)

    with pytest.raises(StoreError, match="it was edited; run: cra-pipeline run gate_report --kind"):
        read_gate(world.layout, "scope", ROUND)


@pytest.mark.parametrize(
    ("edit", "finding"),
    [
        (edited_decision, "it was edited"),
        (forged_with_its_manifest, "the tables give failed"),
        (edited_page, "gate.html does not show"),
    ],
)
def test_the_check_decides_again_whatever_was_edited(
    tmp_path: Path, edit: Callable[[Layout], None], finding: str
) -> None:
    world = gated_world(tmp_path, better=False)
    gate(world.layout, KEY)
    edit(world.layout)
    found = check_gate(world.layout, KEY)

    assert not found.passed
    assert any(finding in text for text in found.findings)


def test_tables_that_changed_since_are_found_by_the_check(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    gate(world.layout, KEY)
    world.rows(*scope_rows([("base", WRONG), ("candidate", WRONG)]))

    assert not check_gate(world.layout, KEY).passed


def test_tables_edited_by_hand_are_refused(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    tried, _ = scope_rows([("base", WRONG), ("candidate", RIGHT)])
    better = [row.model_copy(update={"outcome": "passed"}) for row in tried[1:]]
    write_table(world.layout.table("holdout_attempts", KEY), better, HoldoutAttempt)

    with pytest.raises(CheckError, match="they were changed since"):
        gate(world.layout, KEY)


def test_attempts_that_failed_their_check_are_refused(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    world.rows(*scope_rows([("base", WRONG), ("candidate", RIGHT)]), passed=False)

    with pytest.raises(CheckError, match="an arm lacks attempts"):
        gate(world.layout, KEY)


def test_rows_that_occur_twice_are_refused(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    tried, heard = scope_rows([("base", WRONG), ("candidate", RIGHT)])
    world.rows([*tried, tried[0]], heard)

    with pytest.raises(CheckError, match=r"counted 2 times.*cra-pipeline run holdout_attempts"):
        gate(world.layout, KEY)


def test_an_empty_table_leaves_the_question_open(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    world.rows([], [])
    gate(world.layout, KEY)

    assert read_gate(world.layout, "scope", ROUND).decision == "not_enough_evidence"
    assert check_gate(world.layout, KEY).passed


def test_a_base_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    path = world.layout.bases / "tiny-1k-base-v1" / "base.json"
    path.write_text(path.read_text(encoding="utf-8").replace("b" * 64, "e" * 64), encoding="utf-8")

    with pytest.raises(CheckError, match="was trained from bbbbbbbbbbbb: train it again"):
        gate(world.layout, KEY)


def test_a_round_that_is_not_opened_is_refused(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    (world.layout.rounds / "r01.json").unlink()

    with pytest.raises(RoundError, match="not opened"):
        gate(world.layout, KEY)


def test_the_incumbent_is_the_one_of_the_rounds_record(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    world.round(incumbent="scope-v1")
    world.registered("scope-v1")
    world.rows(*scope_rows([("base", WRONG), ("incumbent", RIGHT), ("candidate", RIGHT)]))
    gate(world.layout, KEY)
    report = read_gate(world.layout, "scope", ROUND)

    assert (report.incumbent, report.incumbent_digest) == ("scope-v1", EARLIER)
    assert report.decision == "failed"


def test_an_incumbent_that_the_ledger_does_not_know_is_refused(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    world.round(incumbent="scope-v1")

    with pytest.raises(CheckError, match="scope-v1 was in service when r01 was opened"):
        gate(world.layout, KEY)


def test_a_real_bases_numbers_are_not_those_of_the_tiny_one(tmp_path: Path) -> None:
    world = gated_world(tmp_path)
    world.base("reasoning")
    gate(world.layout, KEY)

    assert read_gate(world.layout, "scope", ROUND).decision == "not_enough_evidence"


def test_a_report_that_was_never_made_is_missed(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        read_gate(World(layout=Layout(tmp_path)).layout, "scope", ROUND)
