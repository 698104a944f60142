"""The declared columns, and the refusal of every other one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.columns import COLUMNS, require_declared, snapshot_schema
from cra_pipeline.integrations.raw_db.schema import TABLES
from cra_pipeline_tests.integrations.raw_db.declared import declared_database, definition


def refused(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection, pytest.raises(StoreError) as caught:
        require_declared(connection, path)
    return str(caught.value)


def test_every_column_of_every_table_has_a_type() -> None:
    names = {table: tuple(column.name for column in columns) for table, columns in COLUMNS.items()}

    assert names == {table.name: table.every_column for table in TABLES}


def test_a_copy_begins_with_where_its_rows_come_from() -> None:
    schema = snapshot_schema("run_attempts")

    assert schema.names[:3] == ["database", "attempt_key", "id"]
    assert schema.field("attempt") == pa.field("attempt", pa.int64(), nullable=False)
    assert len(set(schema.names)) == len(schema.names)


def test_what_is_declared_is_taken(tmp_path: Path) -> None:
    path = declared_database(tmp_path / "raw.sqlite")

    with closing(sqlite3.connect(path)) as connection:
        require_declared(connection, path)


@pytest.mark.parametrize(
    ("spoilt", "column", "expected", "found"),
    [
        ({"without": "model"}, "model", "TEXT NOT NULL", "none"),
        ({"retyped": "latency_ms"}, "latency_ms", "INTEGER NOT NULL", "BLOB NOT NULL"),
        ({"extra": "colour TEXT"}, "colour", "no such column", "TEXT"),
        ({"without": "prompt", "extra": "prompt"}, "prompt", "TEXT NOT NULL", "no type"),
    ],
)
def test_a_column_that_drifted_is_named(
    tmp_path: Path, spoilt: dict[str, str], column: str, expected: str, found: str
) -> None:
    path = declared_database(tmp_path / "raw.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE retrieval_llm_calls")
        connection.execute(definition("retrieval_llm_calls", **spoilt))

    message = refused(path)

    assert message.startswith(
        f"{path}: column retrieval_llm_calls.{column}: expected {expected}, found {found}: "
    )
    assert message.endswith("the version that it names")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    path = declared_database(tmp_path / "raw.sqlite", without="task_runs")

    assert f"{path}: table task_runs: expected a table, found none" in refused(path)


def test_an_unknown_table_is_named(tmp_path: Path) -> None:
    path = declared_database(tmp_path / "raw.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE extra (id INTEGER PRIMARY KEY)")

    assert f"{path}: table extra: expected no such table, found one" in refused(path)
