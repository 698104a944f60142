"""What the asset does with a gated adapter, and what its check does with an override."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, RegistryError, StoreError
from cra_pipeline.integrations.adapter_files import WEIGHTS
from cra_pipeline.integrations.files import read_table, write_record
from cra_pipeline.registry.stage.book import read_book
from cra_pipeline.registry.stage.entries import check_active, enter
from cra_pipeline.registry.stage.keeping import kept_report
from cra_pipeline.registry.stage.promoting import promote, roll_back, roll_back_regressed
from cra_pipeline_tests.registry.databases import active, marked
from cra_pipeline_tests.registry.worlds import World, Worse, vet


@pytest.fixture
def world(layout: Layout) -> World:
    return World(layout=layout)


def acts(layout: Layout) -> list[tuple[str, str]]:
    return [(line.act, line.version) for line in read_book(layout).lines]


def second_refused(world: World) -> None:
    world.serve()
    world.gated(round_name="r02", decision="failed")
    world.entered("scope", "r02")


def test_what_passed_is_promoted_and_the_table_says_so(world: World) -> None:
    world.gated()

    report = enter(world.layout, "scope|r01", vet=vet)

    assert active(world.layout) == marked(world.layout) == "scope-v1"
    rows = read_table(world.layout.table("registry_entry", "scope|r01"), LedgerLine)
    assert [row.act for row in rows] == ["registered", "promotion_intended", "promotion_done"]
    assert [row["act"] for row in report.preview] == [row.act for row in rows]
    assert [item.name for item in report.manifest.inputs] == [
        "gate_report/scope|r01", "round_gate/r01",
    ]  # fmt: skip
    assert check_active(world.layout, "scope|r01").passed


def test_a_second_run_writes_the_same_bytes(world: World) -> None:
    world.gated()
    enter(world.layout, "scope|r01", vet=vet)
    files = sorted(path for path in world.layout.root.rglob("*") if path.is_file())
    kept = [path for path in files if path.suffix in {".jsonl", ".json", ".parquet"}]
    before = {path: path.read_bytes() for path in kept}

    enter(world.layout, "scope|r01", vet=vet)

    assert {path: path.read_bytes() for path in kept} == before


def test_what_failed_becomes_one_refusal_with_the_reason(world: World) -> None:
    second_refused(world)
    world.entered("scope", "r02")

    refused = [line for line in read_book(world.layout).lines if line.act == "refused"]
    assert [line.version for line in refused] == ["scope-v2"]
    assert refused[0].reason == "gate failed: gain_against_base: found +0.30, expected above 0"
    assert active(world.layout) == marked(world.layout) == "scope-v1"


def test_too_little_evidence_is_a_refusal_too(world: World) -> None:
    world.gated(decision="not_enough_evidence")
    world.entered("scope", "r01")

    assert acts(world.layout)[-1] == ("refused", "scope-v1")
    assert active(world.layout) == ""


def test_a_failed_check_beside_a_failed_report_still_gives_the_refusal(world: World) -> None:
    world.gated(decision="failed")
    path = world.layout.check("gate_report", "scope|r01")
    path.write_text(path.read_text().replace('"passed": true', '"passed": false'))

    world.entered("scope", "r01")
    assert acts(world.layout)[-1] == ("refused", "scope-v1")


def test_what_the_round_gate_refused_is_promoted_once_it_passes(world: World) -> None:
    report = world.gated()
    world.round_gate("r01", {"scope": report.digest()}, gate_2="not_enough_evidence")
    world.entered("scope", "r01")
    assert acts(world.layout)[-1] == ("refused", "scope-v1")

    world.round_gate("r01", {"scope": report.digest()})
    world.entered("scope", "r01")
    assert active(world.layout) == "scope-v1"


def test_an_unready_gate_is_not_entered(world: World) -> None:
    world.adapter("scope", "r01")

    with pytest.raises(CheckError, match=r"gate_report of scope\|r01 is not ready"):
        world.entered("scope", "r01")
    assert not world.layout.registry.exists()


def test_a_half_written_adapter_is_not_entered(world: World) -> None:
    world.gated()
    (world.layout.partition("adapter", "scope|r01") / "adapter.json").unlink()

    with pytest.raises(StoreError, match=r"adapter\.json: missing"):
        world.entered("scope", "r01")
    assert acts(world.layout) == []


def test_an_adapter_of_another_program_is_refused_with_what_to_do(world: World) -> None:
    world.gated()
    folder = world.layout.partition("adapter", "scope|r01")
    (folder / "adapter.json").unlink()

    with pytest.raises(StoreError, match=r"another program's.* never registered: train the kind"):
        enter(world.layout, "scope|r01")


def test_an_override_serves_until_the_next_check(world: World) -> None:
    second_refused(world)
    promote(world.layout, "scope", "scope-v2", override="ada: just once")
    assert active(world.layout) == marked(world.layout) == "scope-v2"

    first = check_active(world.layout, "scope|r02")
    again = check_active(world.layout, "scope|r02")

    words = "scope-v2 was rolled back to scope-v1: override: scope-v2 was promoted (ada: just once)"
    assert (first.passed, first.findings) == (False, (words,))
    assert again.passed
    assert active(world.layout) == marked(world.layout) == "scope-v1"


def test_overrides_on_overrides_are_all_rolled_back(world: World) -> None:
    second_refused(world)
    world.gated(round_name="r03", decision="failed")
    world.entered("scope", "r03")
    for version in ("scope-v2", "scope-v3"):
        promote(world.layout, "scope", version, override="ada: why not")

    check_active(world.layout, "scope|r02")

    assert active(world.layout) == "scope-v1"


def test_the_asset_puts_nothing_back_that_was_rolled_back(world: World) -> None:
    world.serve()
    roll_back(world.layout, "scope", reason="ada: wrong")

    world.entered("scope", "r01")

    assert active(world.layout) == ""


def test_an_incumbent_that_became_worse_is_rolled_back_for_good(world: World) -> None:
    world.serve()
    world.serve(round_name="r02")
    world.gated(round_name="r03", decision="failed")

    world.entered("scope", "r03", Worse("scope-v2"))

    assert active(world.layout) == marked(world.layout) == "scope-v1"
    last = read_book(world.layout).lines[-1]
    assert (last.act, last.from_version) == ("rollback_done", "scope-v2")
    assert last.reason == "regression: relevant_recall fell to 30 %"
    with pytest.raises(RegistryError, match=r"not promoted: it was rolled back \(regression"):
        promote(world.layout, "scope", "scope-v2")


def test_a_better_candidate_replaces_a_worse_incumbent_without_a_rollback(world: World) -> None:
    world.serve()
    world.gated(round_name="r02")

    world.entered("scope", "r02", Worse("scope-v1"))

    assert active(world.layout) == "scope-v2"
    assert "rollback_done" not in {act for act, _ in acts(world.layout)}


def test_a_finding_moves_only_its_own_kind_and_only_what_serves(world: World) -> None:
    world.serve()
    world.serve("precision")
    world.gated(round_name="r02", decision="failed")
    world.entered("scope", "r02", Worse("precision-v1"))
    assert active(world.layout, "precision") == "precision-v1"

    assert roll_back_regressed(world.layout, Worse("precision-v1")) is not None
    assert roll_back_regressed(world.layout, Worse("precision-v1")) is None
    assert active(world.layout, "precision") == ""
    assert active(world.layout) == "scope-v1"


def test_the_check_finds_files_and_reports_that_were_changed(world: World) -> None:
    world.gated()
    world.entered("scope", "r01")
    folder = world.layout.adapter_version("scope-v1")
    report = kept_report(world.layout, "scope-v1")

    write_record(folder / "gate.json", report.model_copy(update={"tasks": 41}))
    assert check_active(world.layout, "scope|r01").findings == (
        "scope-v1: its kept gate report was edited: restore it from a backup",
    )

    write_record(folder / "gate.json", report)
    (folder / WEIGHTS).write_bytes(b"half")
    (finding,) = check_active(world.layout, "scope|r01").findings
    assert "restore the folder" in finding
    assert active(world.layout) == "scope-v1"
