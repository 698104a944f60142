"""A database that comes out is the one that went in, grown by rows that an agent writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from cra_pipeline.integrations.clean_room.returned import require_grown
from cra_pipeline.integrations.clean_room.stand_in.schema import insert, opened

Change = Callable[[sqlite3.Connection], object]


def made(folder: Path, *changes: Change) -> bytes:
    folder.mkdir(exist_ok=True)
    with opened(folder, "raw") as connection:
        for change in changes:
            change(connection)
    return (folder / ".clean_room" / "raw.sqlite").read_bytes()


def sql(text: str) -> Change:
    return lambda connection: connection.execute(text)


def a_run(connection: sqlite3.Connection, **values: object) -> None:
    told = {"task_id": "t", "repo_path": "/repo", "task_description": "d", "status": "complete"}
    insert(connection, "orchestrator_runs", **told | {"timestamp": "now"} | values)


def test_more_rows_and_statistics_are_what_an_agent_leaves(tmp_path: Path) -> None:
    given = made(tmp_path / "in")

    require_grown(made(tmp_path / "out", a_run, sql("ANALYZE")), given)
    require_grown(given, None)


REFUSED: dict[str, tuple[Change, str]] = {
    "a trigger": (
        sql("CREATE TRIGGER t AFTER INSERT ON task_runs BEGIN DELETE FROM task_runs; END"),
        "'t', which is neither table nor index",
    ),
    "a view": (sql("CREATE VIEW v AS SELECT 1"), "'v', which is neither"),
    "another table": (sql("CREATE TABLE mine (x)"), "'mine' is not defined as"),
    "an index": (sql("CREATE INDEX i ON task_runs(mode)"), "'i' is not defined as"),
    "another column": (sql("ALTER TABLE task_runs ADD COLUMN x"), "'task_runs' is not defined as"),
    "a missing table": (sql("DROP TABLE audit_events"), "'audit_events' is not defined as"),
    "a registered adapter": (
        lambda connection: insert(
            connection, "adapter_registry", dataset_id=1, stage_name="scope", base_model="b",
            model_tag="mine", deployed=1, trained_at="now",
        ),
        "has rows in adapter_registry",
    ),
    "bytes for a text that may be absent": (
        lambda connection: a_run(connection, error_message=b"7"), "error_message that is no text",
    ),
    "bytes for a text": (
        lambda connection: a_run(connection, status=b"complete"), "status that is no text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_whatever_else_changed_is_refused(tmp_path: Path, what: str) -> None:
    change, words = REFUSED[what]
    given = made(tmp_path / "in")
    with pytest.raises(ValueError, match=words):
        require_grown(made(tmp_path / "out", change), given)


def test_no_database_is_refused(tmp_path: Path) -> None:
    whole = made(tmp_path / "in", a_run)
    for content in (b"hello" * 1000, whole[:5000], b"SQLite format 3\0" + b"\xff" * 5000):
        with pytest.raises(ValueError, match="no database that can be read"):
            require_grown(content, whole)


def test_a_view_is_refused_even_where_the_program_makes_the_database(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    change = sql(f"CREATE VIEW files2 AS {endless}")
    with pytest.raises(ValueError, match="neither table nor index"):
        require_grown(made(tmp_path / "out", change), None)
