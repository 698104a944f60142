"""Promotion, rollback and retirement on disk, with both databases."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest

import cra_pipeline
from cra_pipeline.contracts.gates import Decision
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, RegistryError
from cra_pipeline.integrations.adapter_files import WEIGHTS, adapter_digest
from cra_pipeline.integrations.files import write_record
from cra_pipeline.registry.stage.book import read_book
from cra_pipeline.registry.stage.promoting import promote, retire, roll_back
from cra_pipeline.registry.stage.registering import register
from cra_pipeline.registry.stage.settling import settled
from cra_pipeline_tests.registry.databases import active, marked, rows
from cra_pipeline_tests.registry.worlds import World, vet


@pytest.fixture
def world(layout: Layout) -> World:
    return World(layout=layout)


def states(layout: Layout) -> dict[str, str]:
    return {row.version: row.state for row in read_book(layout).standing.versions.values()}


def test_what_is_promoted_stands_in_both_databases(world: World) -> None:
    world.serve()

    assert active(world.layout) == marked(world.layout) == "scope-v1"
    assert rows(
        world.layout.raw_db,
        "SELECT p.task_id, d.dataset_path, d.example_count, a.base_model, a.training_loss "
        "FROM adapter_registry a JOIN training_datasets d ON d.id = dataset_id "
        "JOIN training_plans p ON p.id = training_plan_id",
    ) == [("registry:r01", f"sft_dataset/scope/r01/sft.jsonl@{'d' * 12}", 480, "classifier", 0.25)]
    (notes, version) = rows(
        world.layout.curated_db, "SELECT performance_notes, version FROM adapter_metadata"
    )[0]
    assert version == 1
    assert json.loads(notes)["metrics"] == {"relevant_recall": 0.9}


def test_every_act_names_the_code_that_decided_it(world: World) -> None:
    world.serve()
    said = {line.code for line in read_book(world.layout).lines if line.act != "base_registered"}

    (named,) = said
    assert re.fullmatch(r"cra-pipeline \d[\w.]*( at [0-9a-f]{12})?", named)
    assert (" at " in named) == (Path(cra_pipeline.__file__).parents[1] / ".git").exists()


def test_a_better_version_takes_the_place_and_a_rollback_gives_it_back(world: World) -> None:
    world.serve()
    world.serve(round_name="r02")
    assert active(world.layout) == marked(world.layout) == "scope-v2"

    begun = time.monotonic()
    line = roll_back(world.layout, "scope", reason="ada: slow")

    assert time.monotonic() - begun < 5
    assert (line.version, line.from_version) == ("scope-v1", "scope-v2")
    assert active(world.layout) == marked(world.layout) == "scope-v1"
    assert states(world.layout) == {"scope-v1": "active", "scope-v2": "archived"}


def test_without_a_version_before_a_rollback_leaves_the_base_alone(world: World) -> None:
    world.serve()

    roll_back(world.layout, "scope", reason="ada: wrong")

    assert active(world.layout) == marked(world.layout) == ""
    with pytest.raises(RegistryError, match="no version is in service"):
        roll_back(world.layout, "scope", reason="ada: again")


def test_planning_serves_all_its_stages_at_once(world: World) -> None:
    world.serve("planning_dpo")

    stages = ("meta_plan", "step_plan", "test_plan")
    assert {active(world.layout, stage) for stage in stages} == {"planning_dpo-v1"}
    assert {marked(world.layout, stage) for stage in stages} == {"planning_dpo-v1"}


def test_the_same_report_is_registered_once_and_another_gets_the_next_number(world: World) -> None:
    world.gated()
    first = register(world.layout, "scope", "r01", vet=vet)
    again = register(world.layout, "scope", "r01", vet=vet)
    world.gated(decision="failed")
    other = register(world.layout, "scope", "r01", vet=vet)

    assert first == again
    assert (first.version, other.version) == ("scope-v1", "scope-v2")
    assert len(read_book(world.layout).lines) == 2


def test_promoting_what_serves_already_changes_nothing(world: World) -> None:
    world.serve()
    before = read_book(world.layout).lines

    promote(world.layout, "scope", "scope-v1")

    assert read_book(world.layout).lines == before


@pytest.mark.parametrize("decision", ["failed", "not_enough_evidence"])
def test_a_report_that_did_not_pass_promotes_nothing(world: World, decision: Decision) -> None:
    world.serve()
    world.gated(round_name="r02", decision=decision)
    register(world.layout, "scope", "r02", vet=vet)

    with pytest.raises(RegistryError, match=f"gate {decision}: gain_against_base: found"):
        promote(world.layout, "scope", "scope-v2")
    assert active(world.layout) == marked(world.layout) == "scope-v1"


def test_a_report_edited_by_hand_promotes_nothing(world: World) -> None:
    world.serve()
    report = world.gated(round_name="r02", decision="failed")
    register(world.layout, "scope", "r02", vet=vet)
    forged = report.model_copy(update={"decision": "passed"})
    path = world.layout.partition("gate_report", "scope|r02") / "gate.json"
    write_record(path, forged)

    with pytest.raises(CheckError, match="it was edited after it was written"):
        promote(world.layout, "scope", "scope-v2")

    # With manifest and check forged as well the ledger still knows the one that was registered.
    world.write("gate_report", "scope|r02", "gate.json", forged, checked=True)
    with pytest.raises(RegistryError, match="it was made again or edited"):
        promote(world.layout, "scope", "scope-v2")
    assert active(world.layout) == marked(world.layout) == "scope-v1"


def test_an_unchecked_report_promotes_nothing(world: World) -> None:
    world.gated()
    register(world.layout, "scope", "r01", vet=vet)
    world.layout.check("gate_report", "scope|r01").unlink()

    with pytest.raises(CheckError, match="not ready"):
        promote(world.layout, "scope", "scope-v1")
    assert active(world.layout) == ""


def test_without_the_round_gate_nothing_is_promoted(world: World) -> None:
    world.gated()
    register(world.layout, "scope", "r01", vet=vet)
    (world.layout.partition("round_gate", "r01") / "round_gate.json").unlink()
    with pytest.raises(CheckError, match="round_gate of r01 is not ready"):
        promote(world.layout, "scope", "scope-v1")

    world.round_gate("r01", {}, gate_2="not_enough_evidence")
    with pytest.raises(RegistryError, match="judged no report as scope"):
        promote(world.layout, "scope", "scope-v1")

    digest = read_book(world.layout).standing.versions["scope-v1"].gate_report
    world.round_gate("r01", {"scope": digest}, gate_2="not_enough_evidence")
    with pytest.raises(RegistryError, match="Gate 2 of r01 not_enough_evidence"):
        promote(world.layout, "scope", "scope-v1")
    assert active(world.layout) == ""


def test_a_version_that_was_not_compared_with_what_serves_is_refused(world: World) -> None:
    world.serve()
    world.incumbents.clear()
    world.gated(round_name="r02")
    register(world.layout, "scope", "r02", vet=vet)

    with pytest.raises(
        RegistryError, match="scope-v1 is in service, but the gate compared with no"
    ):
        promote(world.layout, "scope", "scope-v2")
    assert active(world.layout) == "scope-v1"


def test_an_adapter_of_another_base_than_its_report_is_not_registered(world: World) -> None:
    world.gated()
    world.base = "c" * 64
    world.adapter("scope", "r01")

    with pytest.raises(RegistryError, match="the adapter's base is cccccccccccc"):
        register(world.layout, "scope", "r01", vet=vet)


def test_adapters_of_an_obsolete_base_are_void_and_serve_no_longer(world: World) -> None:
    world.add_base("tiny-2k-base-v1", world.base)
    world.serve()
    world.gated("precision")
    register(world.layout, "precision", "r01", vet=vet)
    world.add_base("tiny-2k-base-v2", "e" * 64, replaces="tiny-2k-base-v1")

    with settled(world.layout):
        pass

    assert states(world.layout) == {"scope-v1": "void", "precision-v1": "void"}
    assert active(world.layout) == marked(world.layout) == ""
    for override in ("", "ada: just once"):
        with pytest.raises(RegistryError, match="its base bbbbbbbbbbbb is obsolete"):
            promote(world.layout, "precision", "precision-v1", override=override)


def test_damaged_files_are_not_put_in_service_even_by_override(world: World) -> None:
    world.gated()
    register(world.layout, "scope", "r01", vet=vet)
    (world.layout.adapter_version("scope-v1") / WEIGHTS).write_bytes(b"half")

    for override in ("", "ada: just once"):
        with pytest.raises(RegistryError, match="restore the folder"):
            promote(world.layout, "scope", "scope-v1", override=override)
    assert active(world.layout) == ""


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_rollback_never_leads_to_files_that_are_no_longer_whole(
    world: World, damage: str
) -> None:
    for name in ("r01", "r02", "r03"):
        world.serve(round_name=name)
    folder = world.layout.adapter_version("scope-v2")
    if damage == "gone":
        shutil.rmtree(folder)
    else:
        (folder / WEIGHTS).write_bytes(b"half")

    with pytest.raises(RegistryError, match=r"restore the folder.*retire scope-v2"):
        roll_back(world.layout, "scope", reason="ada: slow")
    assert active(world.layout) == marked(world.layout) == "scope-v3"
    retire(world.layout, "scope-v2", reason="ada: its files are lost")
    roll_back(world.layout, "scope", reason="ada: slow")
    assert active(world.layout) == marked(world.layout) == "scope-v1"


def test_a_version_keeps_its_files_when_its_round_is_trained_again(world: World) -> None:
    world.serve()
    folder = world.layout.partition("adapter", "scope|r01")
    (folder / WEIGHTS).write_bytes(b"trained again")

    row = read_book(world.layout).standing.versions["scope-v1"]
    assert adapter_digest(world.layout.adapter_version("scope-v1"))[0] == row.adapter_digest


def test_what_serves_is_not_retired_and_what_is_retired_never_serves(world: World) -> None:
    world.serve()
    with pytest.raises(RegistryError, match="roll it back first"):
        retire(world.layout, "scope-v1", reason="ada: licence")

    roll_back(world.layout, "scope", reason="ada: licence")
    retire(world.layout, "scope-v1", reason="ada: licence")

    assert states(world.layout) == {"scope-v1": "retired"}
    for override in ("", "ada: please"):
        with pytest.raises(RegistryError, match="it is retired"):
            promote(world.layout, "scope", "scope-v1", override=override)
    with pytest.raises(RegistryError, match="retired: scope-v1 is retired"):
        retire(world.layout, "scope-v1", reason="ada: twice")


def test_what_was_rolled_back_by_hand_may_come_back_on_its_old_evidence(world: World) -> None:
    world.serve()
    world.serve(round_name="r02")
    roll_back(world.layout, "scope", reason="ada: the wrong kind")

    promote(world.layout, "scope", "scope-v2")

    assert active(world.layout) == "scope-v2"


def test_versions_are_told_apart_from_names_that_are_none(world: World) -> None:
    world.serve()

    for kind, name, words in (
        ("scope", "scope-v2", "scope-v2: no version of scope; there are scope-v1"),
        ("precision", "scope-v1", "no version of precision; there are none"),
        ("scope", "scope", "'scope' is no version: expected kind-vN"),
    ):
        with pytest.raises(RegistryError, match=words):
            promote(world.layout, kind, name)


def test_databases_that_were_lost_or_changed_are_made_to_say_what_the_ledger_says(
    world: World,
) -> None:
    world.serve()
    world.serve(round_name="r02")
    world.layout.curated_db.unlink()
    world.layout.raw_db.unlink()

    with settled(world.layout):
        pass

    assert active(world.layout) == marked(world.layout) == "scope-v2"


def test_a_workspace_without_versions_is_left_without_files(layout: Layout) -> None:
    with settled(layout):
        pass

    assert not layout.registry.exists()
    assert not layout.raw_db.exists()
    assert not layout.curated_db.exists()
