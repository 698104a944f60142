"""Raw databases become Parquet as of one moment, or an error says why not."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cra_pipeline.contracts.logs import SnapshotTable
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.columns import COLUMNS, snapshot_schema
from cra_pipeline.integrations.raw_db.merge import merge
from cra_pipeline.integrations.raw_db.snapshot import copy_tables
from cra_pipeline_tests.integrations.raw_db.databases import TASK, opened
from cra_pipeline_tests.integrations.raw_db.declared import (
    add_call,
    add_whole_run,
    declared_database,
    many_calls,
    run_database,
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where tables go; beside it lies an empty scratch folder."""
    (tmp_path / "scratch").mkdir()
    return tmp_path / "tables"


def copied(place: Path, wait_s: float = 5.0, **databases: Path) -> tuple[SnapshotTable, ...]:
    return copy_tables(databases, place, place.parent / "scratch", wait_s=wait_s)


def refused(place: Path, path: Path, wait_s: float = 5.0) -> str:
    with pytest.raises(StoreError) as caught:
        copied(place, wait_s, agent=path)
    assert list((place.parent / "scratch").iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize("far", [5, 10**12])
def test_ids_with_gaps_are_counted(far: int, tmp_path: Path, place: Path) -> None:
    path = run_database(tmp_path / "one" / "raw.sqlite", [1, 2])
    with opened(path) as connection:
        connection.execute("UPDATE retrieval_llm_calls SET id = id + ? WHERE id > 2", (far,))
        connection.execute("UPDATE retrieval_llm_calls SET id = -id WHERE id = 1")
    rows = {row.table: row.rows for row in copied(place, one=path)}

    assert rows["retrieval_llm_calls"] == 4


def test_every_table_of_every_database_is_copied(tmp_path: Path, place: Path) -> None:
    one = run_database(tmp_path / "one" / "raw.sqlite", [1, 2])
    other = declared_database(tmp_path / "other" / "raw.sqlite")

    rows = copied(place, one=one, other=other)

    assert {(row.table, row.database) for row in rows} == {
        (table, database) for table in COLUMNS for database in ("one", "other")
    }
    counts = {(row.table, row.database): row.rows for row in rows}
    assert counts["retrieval_llm_calls", "one"] == 4
    assert counts["retrieval_llm_calls", "other"] == 0
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("table", COLUMNS)
def test_a_copy_has_the_declared_schema_even_without_rows(
    tmp_path: Path, place: Path, table: str
) -> None:
    copied(place, agent=declared_database(tmp_path / "raw.sqlite"))

    assert pq.read_schema(place / table / "agent.parquet") == snapshot_schema(table)


def test_a_copy_holds_what_the_database_holds(tmp_path: Path, place: Path) -> None:
    path = many_calls(tmp_path / "raw.sqlite", 3000)

    copied(place, agent=path)

    with closing(sqlite3.connect(path)) as connection:
        expected = connection.execute("SELECT * FROM retrieval_llm_calls ORDER BY id").fetchall()
    found = pq.read_table(place / "retrieval_llm_calls" / "agent.parquet")
    assert found.column("database").unique().to_pylist() == ["agent"]
    assert found.column("attempt_key").unique().to_pylist() == [""]
    bare = found.drop_columns(["database", "attempt_key"]).to_pydict().values()
    assert list(zip(*bare, strict=True)) == expected


def test_merged_rows_bear_the_key_of_their_attempt(tmp_path: Path, place: Path) -> None:
    home = tmp_path / "home.sqlite"
    merge(run_database(tmp_path / "a" / "raw.sqlite", [1]), home, attempt="first")
    merge(run_database(tmp_path / "b" / "raw.sqlite", [2]), home, attempt="second")
    with opened(home) as connection:
        add_whole_run(connection, 3)

    copied(place, home=home)

    runs = pq.read_table(place / "orchestrator_runs" / "home.parquet").to_pylist()
    assert [(row["task_id"], row["attempt_key"]) for row in runs] == [
        (TASK.format(1), "first"),
        (TASK.format(2), "second"),
        (TASK.format(3), ""),
    ]


def test_equal_databases_give_equal_bytes(tmp_path: Path, place: Path) -> None:
    one = run_database(tmp_path / "one" / "raw.sqlite", [1, 2])
    again = run_database(tmp_path / "again" / "raw.sqlite", [1, 2])

    first = copied(place, agent=one)
    second = copied(tmp_path / "second", agent=again)

    assert first == second


def test_a_database_is_copied_as_of_one_moment_while_it_is_written(
    tmp_path: Path, place: Path
) -> None:
    path = many_calls(tmp_path / "raw.sqlite", 2000)
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        with opened(path) as connection:
            while not stop.is_set():
                # Both rows or none: a copy that tears them apart is of no one moment.
                connection.execute("BEGIN IMMEDIATE")
                add_call(connection, f"live-{written}")
                add_whole_run_row(connection, written)
                connection.execute("COMMIT")
                written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while written < 5:  # the writer has to be at work
            time.sleep(0.001)
        rows = {row.table: row.rows for row in copied(place, agent=path)}
        seen = written
    finally:
        stop.set()
        writer.join()

    assert rows["retrieval_llm_calls"] - 2000 == rows["audit_events"]
    assert 5 <= rows["audit_events"] <= seen + 1


def add_whole_run_row(connection: sqlite3.Connection, number: int) -> None:
    connection.execute(
        "INSERT INTO audit_events (component, event_type, timestamp) VALUES ('test', ?, 't')",
        (str(number),),
    )


def test_a_missing_database_is_named(tmp_path: Path, place: Path) -> None:
    path = tmp_path / "gone.sqlite"

    assert f"{path}: missing; expected the raw.sqlite of an agent" in refused(place, path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path, place: Path) -> None:
    path = tmp_path / "raw.sqlite"
    path.write_bytes(b"plain text, and enough of it to be read as a header" * 40)

    assert "expected a SQLite database of the agent" in refused(place, path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_database_is_refused(tmp_path: Path, place: Path, share: float) -> None:
    path = many_calls(tmp_path / "raw.sqlite", 2000)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    assert "the file is truncated or damaged" in refused(place, path)


def test_a_damaged_page_is_refused(tmp_path: Path, place: Path) -> None:
    path = many_calls(tmp_path / "raw.sqlite", 2000)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(content)

    assert "damaged" in refused(place, path)


def test_a_locked_database_is_given_up_after_a_while(tmp_path: Path, place: Path) -> None:
    path = run_database(tmp_path / "raw.sqlite")
    with opened(path) as holder:
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("BEGIN EXCLUSIVE")

        message = refused(place, path, wait_s=0.2)

    assert f"{path}: another process held it for 0.2 s" in message


def test_drift_is_refused_before_anything_is_written(tmp_path: Path, place: Path) -> None:
    path = declared_database(tmp_path / "raw.sqlite", without="run_attempts")

    assert f"{path}: table run_attempts: expected a table, found none" in refused(place, path)
    assert not place.exists()


def test_another_encoding_is_refused(tmp_path: Path, place: Path) -> None:
    path = tmp_path / "raw.sqlite"
    with opened(path) as connection:
        connection.execute("PRAGMA encoding = 'UTF-16le'")
        connection.execute("CREATE TABLE t (id)")

    assert "expected UTF-8, found UTF-16le" in refused(place, path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, place: Path) -> None:
    path = run_database(tmp_path / "raw.sqlite")
    place.write_text("a file in the way", encoding="utf-8")

    assert "could not be written" in refused(place, path)
