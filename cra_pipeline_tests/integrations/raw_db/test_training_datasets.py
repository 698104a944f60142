"""A dataset is entered once, under the plan that asked for it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.training_datasets import RegisteredDataset, register
from cra_pipeline_tests.integrations.raw_db.databases import empty_database, insert, opened, rows

DATASET = RegisteredDataset(
    plan="train-plan:r01:abc", criteria='{"form": "sft"}', stage="scope",
    base_model="classifier", source="synthetic", path="sft_dataset/scope/r01/sft.jsonl@abc",
    examples=3, positive=1, negative=2,
)  # fmt: skip
COUNTS = "SELECT stage_name, example_count, positive_count, negative_count FROM training_datasets"


def test_without_a_database_nothing_is_entered(tmp_path: Path) -> None:
    assert register(tmp_path / "raw.sqlite", DATASET) is False

    assert not list(tmp_path.iterdir())


def test_a_dataset_is_entered_once_however_often_it_is_asked(tmp_path: Path) -> None:
    home = empty_database(tmp_path / "raw.sqlite")
    assert register(home, DATASET)
    assert register(home, DATASET)

    assert rows(home, COUNTS) == [("scope", 3, 1, 2)]


def test_another_content_is_another_entry_of_the_same_plan(tmp_path: Path) -> None:
    home = empty_database(tmp_path / "raw.sqlite")
    for digits in ("abc", "def"):
        path = f"sft_dataset/scope/r01/sft.jsonl@{digits}"
        register(home, dataclasses.replace(DATASET, path=path))

    assert len(rows(home, COUNTS)) == 2
    assert len(rows(home, "SELECT id FROM training_plans")) == 1


def test_the_plan_that_asked_for_it_is_named(tmp_path: Path) -> None:
    home = empty_database(tmp_path / "raw.sqlite")
    said = {
        "target_stage": "scope", "base_model": "classifier", "source": "synthetic",
        "data_criteria": "{}", "raw_plan": "{}", "timestamp": "2020-01-01T00:00:00+00:00",
    }  # fmt: skip
    with opened(home) as connection:
        insert(connection, "training_plans", task_id="another", **said)
        wanted = insert(connection, "training_plans", task_id=DATASET.plan, **said)
    register(home, DATASET)

    assert rows(home, "SELECT training_plan_id FROM training_datasets") == [(wanted,)]


def test_without_a_plan_one_is_written_that_says_so(tmp_path: Path) -> None:
    home = empty_database(tmp_path / "raw.sqlite")
    register(home, DATASET)
    ((task, stage, words),) = rows(
        home, "SELECT task_id, target_stage, raw_plan FROM training_plans"
    )

    assert (task, stage) == (DATASET.plan, "scope")
    assert json.loads(words)["note"].startswith("no training plan was made")


def test_a_database_of_another_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    home = empty_database(tmp_path / "raw.sqlite")
    with opened(home) as connection:
        connection.execute("ALTER TABLE training_datasets RENAME COLUMN stage_name TO stage")

    with pytest.raises(StoreError, match="training_datasets"):
        register(home, DATASET)
    assert rows(home, "SELECT * FROM training_datasets") == []


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    home.write_bytes(b"no database" * 200)

    with pytest.raises(StoreError):
        register(home, DATASET)
