"""Raw databases as an agent would leave them, made from the declared tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from cra_pipeline.integrations.raw_db.schema import TABLES, Table

TASK = "0000000{}-0000-4000-8000-000000000000"
"""Task id of a run; the number is filled in."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open for writing, each statement on its own."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        yield connection


def empty_database(path: Path) -> Path:
    """All tables and no row."""
    with opened(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for table in TABLES:
            connection.execute(_definition(table))
        connection.execute("CREATE INDEX by_component ON audit_events(component)")
    return path


def _definition(table: Table) -> str:
    columns = [
        f"{name} REFERENCES {table.links[name]}(id)" if name in table.links else name
        for name in table.columns
    ]
    if table.name == "task_runs":
        columns[0] = "task_id TEXT NOT NULL UNIQUE"
    return f"CREATE TABLE {table.name} (id INTEGER PRIMARY KEY, {', '.join(columns)})"


def insert(connection: sqlite3.Connection, table: str, **values: object) -> int:
    """Add one row; columns that are not named stay NULL."""
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  # names of a test
    return int(connection.execute(sql, tuple(values.values())).lastrowid or 0)


def attempt_database(  # noqa: PLR0913  # one keyword per property of a run
    path: Path,
    number: int = 1,
    *,
    steps: int = 2,
    status: str = "complete",
    completed: int = 1,
    total: int | None = 1,
    validations: tuple[int, ...] = (1,),
) -> Path:
    """One run: a plan, some steps, their validations; calls and an archive beside each pass."""
    empty_database(path)
    with opened(path) as connection:
        connection.execute("BEGIN")
        insert(connection, "index_runs", repo_path="/repo", timestamp="t")
        add_run(
            connection,
            TASK.format(number),
            steps=steps,
            status=status,
            parts_completed=completed,
            total_parts=total,
            validations=validations,
        )
        connection.execute("COMMIT")
    return path


def add_run(
    connection: sqlite3.Connection,
    task: str,
    *,
    steps: int,
    validations: tuple[int, ...],
    **settled: object,
) -> None:
    """The rows of one run."""
    run = insert(connection, "orchestrator_runs", task_id=task, timestamp="t", **settled)
    for step in range(steps):
        name = f"{task}:impl:p1:s{step}"
        passed = insert(connection, "task_runs", task_id=name, mode="implement")
        insert(
            connection,
            "orchestrator_passes",
            orchestrator_run_id=run,
            task_run_id=passed,
            sequence_order=step,
        )
        tried = insert(
            connection, "run_attempts", task_run_id=passed, raw_response=name, patch_applied=1
        )
        insert(
            connection,
            "retrieval_llm_calls",
            task_id=name,
            call_type="execute_implement",
            model="m",
            system_prompt="s",
            prompt=f"p{step}",
            response="\u00e4\n",
            latency_ms=1,
        )
        insert(connection, "session_archives", task_id=name, session_blob=b"\0\xff")
    insert(connection, "orchestrator_passes", orchestrator_run_id=run, sequence_order=steps)
    for success in validations:
        insert(connection, "validation_results", attempt_id=tried, success=success)


def rows(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with opened(path) as connection:
        return connection.execute(sql, values).fetchall()


def told(path: Path, *, attempt: str = "") -> list[tuple[Any, ...]]:
    """Each step's task id through all links that lead to it, of one attempt of a home or of all."""
    origin = (
        "JOIN merged_rows ON table_name = 'validation_results' "
        "AND home_row = validation_results.id "
        "JOIN merged_sources USING (source_id) WHERE merged_sources.attempt = ?"
    )
    sql = (
        "SELECT task_runs.task_id, raw_response, orchestrator_runs.task_id, "
        "validation_results.success "
        "FROM validation_results JOIN run_attempts ON run_attempts.id = attempt_id "
        "JOIN task_runs ON task_runs.id = run_attempts.task_run_id "
        "JOIN orchestrator_passes ON orchestrator_passes.task_run_id = task_runs.id "
        "JOIN orchestrator_runs ON orchestrator_runs.id = orchestrator_run_id "
    )
    return rows(path, sql + (origin if attempt else ""), *([attempt] if attempt else []))
