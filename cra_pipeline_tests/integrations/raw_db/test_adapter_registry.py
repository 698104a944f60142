"""One version of a stage is deployed, and hangs on its dataset and plan."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.adapter_registry import AdapterEntry, deploy, deployed
from cra_pipeline.integrations.raw_db.columns import require_declared
from cra_pipeline.integrations.raw_db.making import ensure_raw
from cra_pipeline.integrations.raw_db.merge import merge
from cra_pipeline.integrations.raw_db.training_datasets import RegisteredDataset, register
from cra_pipeline_tests.integrations.raw_db.databases import opened, rows
from cra_pipeline_tests.integrations.raw_db.declared import run_database

DATASET = RegisteredDataset(
    plan="registry:r01",
    criteria="{}",
    stage="scope",
    base_model="classifier",
    source="harness",
    path="sft_dataset/scope/r01/sft.jsonl@abc",
    examples=10,
    positive=6,
    negative=4,
)
FIRST = AdapterEntry(
    version="scope-v1",
    number=1,
    base_model="classifier",
    dataset=DATASET,
    training_loss=0.5,
    eval_metrics="{}",
    trained_at="2026-11-24T10:00:00.000000+00:00",
)
SECOND = dataclasses.replace(FIRST, version="scope-v2", number=2)
REGISTRY = "SELECT stage_name, model_tag, deployed FROM adapter_registry ORDER BY id"


def test_one_version_of_a_stage_is_deployed_and_all_stay_on_record(tmp_path: Path) -> None:
    home = tmp_path / "raw" / "raw.sqlite"
    for entry in (FIRST, SECOND, FIRST):
        deploy(home, ["scope"], entry)

    assert deployed(home, ["scope", "precision"]) == {"scope": ("scope-v1",), "precision": ()}
    assert rows(home, REGISTRY) == [("scope", "scope-v1", 1), ("scope", "scope-v2", 0)]
    deploy(home, ["scope"], None)
    assert deployed(home, ["scope"]) == {"scope": ()}


def test_a_dataset_that_curation_entered_is_the_one_that_is_named(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    ensure_raw(home)
    curated = dataclasses.replace(DATASET, plan="train-plan:r01:abc", source="logged")
    register(home, curated)

    deploy(home, ["scope"], FIRST)

    assert rows(
        home,
        "SELECT p.task_id, d.source FROM adapter_registry a JOIN training_datasets d "
        "ON d.id = a.dataset_id JOIN training_plans p ON p.id = d.training_plan_id",
    ) == [("train-plan:r01:abc", "logged")]


def test_nothing_is_deployed_where_there_is_no_database(tmp_path: Path) -> None:
    assert deployed(tmp_path / "gone.sqlite", ["scope"]) == {"scope": ()}
    (tmp_path / "empty.sqlite").touch()
    assert deployed(tmp_path / "empty.sqlite", ["scope"]) == {"scope": ()}


def test_a_file_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    home.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    before = home.read_bytes()

    with pytest.raises(StoreError, match="expected a SQLite database of the agent"):
        deploy(home, ["scope"], FIRST)
    assert home.read_bytes() == before


def test_all_stages_are_deployed_or_none(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    deploy(home, ["meta_plan", "step_plan"], FIRST)
    with opened(home) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON adapter_registry "
            "WHEN new.stage_name = 'step_plan' BEGIN SELECT RAISE(ABORT, 'not that one'); END"
        )

    with pytest.raises(StoreError, match="not that one"):
        deploy(home, ["meta_plan", "step_plan"], SECOND)
    assert deployed(home, ["meta_plan", "step_plan"]) == {
        "meta_plan": ("scope-v1",), "step_plan": ("scope-v1",),
    }  # fmt: skip


def test_a_database_that_we_made_is_the_agents_by_declaration_and_takes_merges(
    tmp_path: Path,
) -> None:
    home = tmp_path / "raw.sqlite"
    deploy(home, ["scope"], FIRST)
    with opened(home) as connection:
        require_declared(connection, home)

    report = merge(run_database(tmp_path / "attempt.sqlite"), home, attempt="a")

    assert report.added["orchestrator_runs"] == 1
    assert deployed(home, ["scope"]) == {"scope": ("scope-v1",)}
    ensure_raw(home)
