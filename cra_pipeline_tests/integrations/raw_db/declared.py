"""Raw databases with the agent's declared types, and runs in them, as small or large as wanted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from cra_pipeline.integrations.raw_db.columns import COLUMNS
from cra_pipeline_tests.integrations.raw_db.databases import TASK, opened

TIME = "2026-11-24T10:00:00.000000+00:00"
_DEFAULTS: dict[str, object] = {"integer": 0, "text": "", "real": 0.0, "blob": b""}


def definition(table: str, *, without: str = "", retyped: str = "", extra: str = "") -> str:
    """CREATE TABLE as the agent says it, or with one column spoilt.

    Args:
        table: Name of the table.
        without: Column that is left out.
        retyped: Column that becomes BLOB.
        extra: Column that is added.
    """
    parts = [
        f"{column.name} INTEGER PRIMARY KEY"
        if column.name == "id"
        else f"{column.name} {'BLOB NOT NULL' if column.name == retyped else column.words}"
        for column in COLUMNS[table]
        if column.name != without
    ]
    return f"CREATE TABLE {table} ({', '.join([*parts, *([extra] if extra else [])])})"


def declared_database(path: Path, *, without: str = "", **spoilt: str) -> Path:
    """All tables and no row.

    Args:
        path: File that is made.
        without: Table that is left out.
        spoilt: Arguments of ``definition`` for ``retrieval_llm_calls``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for table in COLUMNS:
            if table != without:
                here = spoilt if table == "retrieval_llm_calls" else {}
                connection.execute(definition(table, **here))
    return path


def add(connection: sqlite3.Connection, table: str, **values: object) -> int:
    """Add one row; columns that are not named are empty, or NULL where they may be."""
    defaults = {
        column.name: None if column.nullable else _DEFAULTS[column.type]
        for column in COLUMNS[table]
        if column.name != "id"
    }
    row = defaults | values
    marks = ", ".join("?" * len(row))
    sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608  # names of a test
    return int(connection.execute(sql, tuple(row.values())).lastrowid or 0)


def add_call(connection: sqlite3.Connection, task: str, **values: object) -> int:
    """One model call; a scope call that says yes unless told otherwise."""
    said = {"call_type": "scope", "stage_name": "scope", "model": "m", "system_prompt": "Scope?"}
    told = {"prompt": "Task", "response": "yes", "latency_ms": 3, "timestamp": TIME}
    return add(connection, "retrieval_llm_calls", task_id=task, **(said | told | values))


def add_whole_run(connection: sqlite3.Connection, number: int, *, passed: bool = True) -> str:
    """A run of one scope call, one edit and one validation; returns its task id."""
    task = TASK.format(number)
    add(
        connection, "orchestrator_runs", task_id=task, repo_path="/repo",
        status="complete" if passed else "partial", parts_completed=int(passed), total_parts=1,
        timestamp=TIME,
    )  # fmt: skip
    step = f"{task}:impl:p1:s0"
    run = add(connection, "task_runs", task_id=step, mode="implement", timestamp=TIME)
    add_call(connection, f"{task}:meta_plan", response="yes" if passed else "no")
    add(
        connection, "retrieval_decisions", task_id=f"{task}:meta_plan", stage="scope", file_id=1,
        tier="2", included=int(passed), timestamp=TIME,
    )  # fmt: skip
    add_call(
        connection, step, call_type="execute_implement", stage_name="execute_implement",
        system_prompt="Edit!", response="done",
    )  # fmt: skip
    tried = add(
        connection, "run_attempts", task_run_id=run, attempt=1, raw_response="done",
        patch_applied=int(passed), timestamp=TIME,
    )  # fmt: skip
    add(
        connection, "validation_results", attempt_id=tried, success=int(passed),
        test_output="1 test", failing_tests=None if passed else '["test_total"]',
    )  # fmt: skip
    return task


def run_database(path: Path, numbers: Iterable[int] = (1,), *, failed: Iterable[int] = ()) -> Path:
    """Runs with these numbers."""
    declared_database(path)
    with opened(path) as connection:
        connection.execute("BEGIN")
        for number in numbers:
            add_whole_run(connection, number, passed=number not in set(failed))
        connection.execute("COMMIT")
    return path


def many_calls(path: Path, count: int) -> Path:
    """A database of calls as large as the agent's own: most are yes or no about one symbol."""
    declared_database(path)
    sql = (
        "INSERT INTO retrieval_llm_calls (task_id, call_type, stage_name, model, system_prompt, "
        "prompt, response, prompt_tokens, completion_tokens, latency_ms, timestamp, thinking) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    with opened(path) as connection:
        connection.execute("BEGIN")
        connection.executemany(sql, _calls(count))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def _calls(count: int) -> Iterator[tuple[object, ...]]:
    system = "You judge whether a symbol bears on a task. " * 12
    for number in range(count):
        run = f"{number // 400:08d}-0000-4000-8000-000000000000:impl:p1:s{number // 80 % 5}"
        prompt = (
            f"Task: change module {number % 97}\nSymbol: name_{number} (function) in a.py:1-9\n"
        )
        context = f"sig: def name_{number * 7919 % count}(value, *, key={number})\n" * 12
        yield (
            run, "precision", "precision", "cra-reasoning", system, prompt + context,
            "yes" if number % 7 == 0 else "no", 200 + number % 50, 1, 3 + number % 9, TIME, "",
        )  # fmt: skip
