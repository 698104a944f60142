"""The switch: one active version for each stage, in a table beside the agent's own."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.curated_db.adapters import ServedVersion, serving, switch
from cra_pipeline_tests.integrations.raw_db.databases import rows

FIRST = ServedVersion(
    version="scope-v1",
    number=1,
    base_model="classifier",
    notes="{}",
    deployed_at="2026-11-24T10:00:00.000000+00:00",
)
SECOND = dataclasses.replace(FIRST, version="scope-v2", number=2, deployed_at="later")
TABLE = "SELECT stage_name, model_tag, version, active, deployed_at FROM adapter_metadata"


def test_switching_back_tells_since_when(tmp_path: Path) -> None:
    curated = tmp_path / "curated" / "curated.sqlite"
    switch(curated, ["scope"], FIRST)
    switch(curated, ["scope"], SECOND)
    switch(curated, ["scope"], dataclasses.replace(FIRST, deployed_at="latest"))

    assert serving(curated, ["scope"]) == {"scope": ("scope-v1",)}
    assert rows(curated, TABLE) == [
        ("scope", "scope-v1", 1, 1, "latest"), ("scope", "scope-v2", 2, 0, "later"),
    ]  # fmt: skip


def test_the_same_switch_twice_changes_nothing(tmp_path: Path) -> None:
    curated = tmp_path / "curated.sqlite"
    switch(curated, ["scope"], FIRST)
    before = rows(curated, TABLE)

    switch(curated, ["scope"], dataclasses.replace(FIRST, deployed_at="later"))

    assert rows(curated, TABLE) == before


def test_without_a_version_the_base_alone_serves(tmp_path: Path) -> None:
    curated = tmp_path / "curated.sqlite"
    assert serving(curated, ["scope"]) == {"scope": ()}
    switch(curated, ["scope"], FIRST)

    switch(curated, ["scope"], None)

    assert serving(curated, ["scope"]) == {"scope": ()}
    assert len(rows(curated, TABLE)) == 1


def test_other_stages_are_left_alone(tmp_path: Path) -> None:
    curated = tmp_path / "curated.sqlite"
    switch(curated, ["scope"], FIRST)
    switch(curated, ["precision"], dataclasses.replace(FIRST, version="precision-v1"))
    switch(curated, ["scope"], None)

    assert serving(curated, ["precision"]) == {"precision": ("precision-v1",)}


def test_all_stages_are_switched_or_none(tmp_path: Path) -> None:
    curated = tmp_path / "curated.sqlite"
    stages = ["meta_plan", "step_plan"]
    switch(curated, stages, FIRST)
    with closing(sqlite3.connect(curated)) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON adapter_metadata "
            "WHEN new.stage_name = 'step_plan' BEGIN SELECT RAISE(ABORT, 'not that one'); END"
        )

    with pytest.raises(StoreError, match="not that one"):
        switch(curated, stages, SECOND)
    assert serving(curated, stages) == dict.fromkeys(stages, ("scope-v1",))


def test_a_table_of_another_version_is_refused(tmp_path: Path) -> None:
    curated = tmp_path / "curated.sqlite"
    with closing(sqlite3.connect(curated)) as connection:
        connection.execute("CREATE TABLE adapter_metadata (id INTEGER PRIMARY KEY, stage_name)")

    with pytest.raises(StoreError, match=r"column adapter_metadata\.active is missing"):
        switch(curated, ["scope"], FIRST)
