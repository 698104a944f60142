"""Rows of ``training_plans`` are written once, all or none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.training import PlanEntry, plan_id, record_plans
from cra_pipeline_tests.integrations.raw_db.databases import opened, rows
from cra_pipeline_tests.integrations.raw_db.declared import declared_database

SCOPE = PlanEntry(
    task_id="train-plan:r01:abc",
    target_stage="scope",
    base_model="classifier",
    source="synthetic",
    data_criteria="{}",
    hyperparameters="{}",
    improvement_targets="{}",
    raw_plan="{}",
)
CODE = dataclasses.replace(SCOPE, target_stage="execute_code", base_model="coding")


def test_the_same_plan_is_written_once(tmp_path: Path) -> None:
    home = declared_database(tmp_path / "raw.sqlite")

    first = record_plans(home, [SCOPE, CODE])
    again = record_plans(home, [SCOPE, CODE])

    assert first == again
    assert rows(home, "SELECT target_stage, base_model FROM training_plans ORDER BY id") == [
        ("scope", "classifier"),
        ("execute_code", "coding"),
    ]


def test_another_plan_stands_beside_the_first(tmp_path: Path) -> None:
    home = declared_database(tmp_path / "raw.sqlite")
    later = dataclasses.replace(SCOPE, task_id="train-plan:r01:def")

    first = record_plans(home, [SCOPE])
    second = record_plans(home, [later])

    assert first != second
    assert plan_id(home, later.task_id, "scope") == second[0]


def test_what_was_not_written_has_no_id(tmp_path: Path) -> None:
    assert plan_id(tmp_path / "gone.sqlite", SCOPE.task_id, "scope") is None
    assert plan_id(declared_database(tmp_path / "raw.sqlite"), SCOPE.task_id, "scope") is None


def test_a_database_of_another_schema_stays_as_it_was(tmp_path: Path) -> None:
    home = declared_database(tmp_path / "raw.sqlite")
    with opened(home) as connection:
        connection.execute("ALTER TABLE adapter_registry ADD COLUMN colour TEXT")

    with pytest.raises(StoreError, match=r"adapter_registry\.colour is unknown"):
        record_plans(home, [SCOPE])

    assert rows(home, "SELECT * FROM training_plans") == []
