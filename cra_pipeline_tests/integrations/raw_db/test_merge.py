"""Attempts' databases become one home, every row with its origin, all of a database or nothing."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.merge import MergeReport, merge, merged_sources
from cra_pipeline.integrations.raw_db.schema import TABLES
from cra_pipeline_tests.integrations.raw_db.databases import (
    TASK,
    add_run,
    attempt_database,
    empty_database,
    insert,
    opened,
    rows,
    told,
)

ROWS = {
    "index_runs": 1,
    "retrieval_llm_calls": 2,
    "task_runs": 2,
    "run_attempts": 2,
    "validation_results": 1,
    "session_archives": 2,
    "orchestrator_runs": 1,
    "orchestrator_passes": 3,
}


def everything(home: Path) -> list[str]:
    with closing(sqlite3.connect(home)) as connection:
        return list(connection.iterdump())


def test_all_rows_arrive_and_keep_their_links(tmp_path: Path) -> None:
    home = tmp_path / "raw" / "raw.sqlite"
    for number in (1, 2, 3):
        source = attempt_database(tmp_path / f"{number}.sqlite", number)

        assert merge(source, home, attempt=f"a{number}").added == ROWS
        assert told(home, attempt=f"a{number}") == told(source)

    for table in TABLES:
        (count,) = rows(home, f"SELECT count(*) FROM {table.name}")  # noqa: S608  # our own name

        assert count == (3 * ROWS.get(table.name, 0),)
    assert [(one.attempt, one.rows) for one in merged_sources(home)] == [
        (f"a{number}", sum(ROWS.values())) for number in (1, 2, 3)
    ]
    assert rows(home, "SELECT count(*) FROM retrieval_llm_calls WHERE response = 'ä\n'") == [(6,)]
    assert rows(home, "PRAGMA foreign_key_check") == []
    assert ("by_component",) in rows(home, "SELECT name FROM sqlite_master WHERE type = 'index'")


def test_the_same_database_again_adds_nothing(tmp_path: Path) -> None:
    source, home = attempt_database(tmp_path / "1.sqlite"), tmp_path / "raw.sqlite"
    first = merge(source, home, attempt="a")
    before = everything(home)
    with opened(source) as connection:
        connection.execute("VACUUM")

    assert merge(source, home, attempt="a") == MergeReport(
        attempt="a", content_hash=first.content_hash
    )
    assert everything(home) == before


def test_what_has_grown_since_is_added_and_what_was_settled_updated(tmp_path: Path) -> None:
    source = attempt_database(tmp_path / "1.sqlite", status="running", completed=0, total=None)
    home = tmp_path / "raw.sqlite"
    merge(attempt_database(tmp_path / "2.sqlite", 2), home, attempt="other")
    merge(source, home, attempt="a")
    with opened(source) as connection:
        connection.execute("UPDATE orchestrator_runs SET status = 'complete', total_parts = 1")
        connection.execute("UPDATE run_attempts SET patch_applied = 0 WHERE id = 2")
        insert(connection, "audit_events", component="git", event_type="rollback")
    report = merge(source, home, attempt="a")

    assert report.added == {"audit_events": 1}
    assert report.updated == {"orchestrator_runs": 1, "run_attempts": 1}
    assert rows(home, "SELECT status, total_parts FROM orchestrator_runs") == [
        ("complete", 1),
        ("complete", 1),
    ]
    assert told(home, attempt="a") == told(source)


def _task_changed(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE task_runs SET mode = 'plan' WHERE id = 1")


def _row_gone(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM session_archives WHERE id = 1")


@pytest.mark.parametrize(
    ("change", "named"),
    [(_task_changed, r"task_runs\.mode of row 1"), (_row_gone, "session_archives has no row 1")],
)
def test_a_database_that_did_not_grow_out_of_the_merged_one_is_refused(
    tmp_path: Path, change: Callable[[sqlite3.Connection], None], named: str
) -> None:
    source, home = attempt_database(tmp_path / "1.sqlite"), tmp_path / "raw.sqlite"
    merge(source, home, attempt="a")
    before = everything(home)
    with opened(source) as connection:
        change(connection)

    with pytest.raises(StoreError, match=named):
        merge(source, home, attempt="a")
    assert everything(home) == before


def test_one_task_under_two_attempts_is_refused(tmp_path: Path) -> None:
    source, home = attempt_database(tmp_path / "1.sqlite"), tmp_path / "raw.sqlite"
    merge(source, home, attempt="a")
    before = everything(home)

    with pytest.raises(StoreError, match=r"task_runs.task_id 00000001-.* from attempt a:"):
        merge(source, home, attempt="b")
    assert everything(home) == before


def test_a_task_that_an_agent_wrote_into_the_home_itself_is_refused(tmp_path: Path) -> None:
    source, home = attempt_database(tmp_path / "1.sqlite"), tmp_path / "raw.sqlite"
    empty_database(home)
    with opened(home) as connection:
        insert(connection, "orchestrator_runs", task_id=TASK.format(1), timestamp="t")

    with pytest.raises(StoreError, match="from an agent that wrote there itself"):
        merge(source, home, attempt="a")


def _extra_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE task_runs ADD COLUMN seed INTEGER")


def _lost_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE retrieval_llm_calls DROP COLUMN thinking")


def _extra_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE experiments (id INTEGER PRIMARY KEY)")


def _lost_table(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE adapter_registry")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_extra_column, "column task_runs.seed is unknown"),
        (_lost_column, "column retrieval_llm_calls.thinking is missing"),
        (_extra_table, "table experiments is unknown"),
        (_lost_table, "table adapter_registry is missing"),
    ],
)
def test_another_schema_is_refused_by_table_and_column_on_either_side(
    tmp_path: Path, change: Callable[[sqlite3.Connection], None], named: str
) -> None:
    good, odd = attempt_database(tmp_path / "1.sqlite"), attempt_database(tmp_path / "2.sqlite", 2)
    with opened(odd) as connection:
        change(connection)

    with pytest.raises(StoreError, match=f"2.sqlite: {named}: .*another version"):
        merge(odd, tmp_path / "home.sqlite", attempt="a")
    with pytest.raises(StoreError, match=f"2.sqlite: {named}"):
        merge(good, odd, attempt="a")
    assert not (tmp_path / "home.sqlite").exists()


def test_a_home_is_no_attempt(tmp_path: Path) -> None:
    source, home = attempt_database(tmp_path / "1.sqlite"), tmp_path / "raw.sqlite"
    merge(source, home, attempt="a")

    with pytest.raises(StoreError, match="table merged_rows is unknown"):
        merge(home, tmp_path / "other.sqlite", attempt="home")


def _damage(path: Path, kind: str) -> None:
    with opened(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    content = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "torn":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + b"\xa5" * 9000 + content[middle + 9000 :])
    elif kind == "foreign":
        path.write_bytes(b"<html>502 Bad Gateway</html>" * 100)
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("truncated", "truncated or damaged"),
        ("torn", "truncated or damaged"),
        ("foreign", "expected a SQLite database"),
        ("empty", "table adapter_registry is missing"),
        ("missing", "missing"),
    ],
)
def test_a_file_that_is_no_whole_database_is_refused(tmp_path: Path, kind: str, named: str) -> None:
    source = attempt_database(tmp_path / "1.sqlite", steps=60)
    _damage(source, kind)

    with pytest.raises(StoreError, match=f"1.sqlite: .*{named}"):
        merge(source, tmp_path / "home.sqlite", attempt="a")
    assert not (tmp_path / "home.sqlite").exists()


def test_a_home_that_is_no_database_is_refused(tmp_path: Path) -> None:
    source, home = attempt_database(tmp_path / "1.sqlite"), tmp_path / "home.sqlite"
    home.write_text("notes\n" * 1000)

    with pytest.raises(StoreError, match=r"home\.sqlite: .*expected a SQLite database"):
        merge(source, home, attempt="a")


def test_a_row_that_refers_to_nothing_is_refused(tmp_path: Path) -> None:
    source, home = attempt_database(tmp_path / "1.sqlite"), tmp_path / "raw.sqlite"
    with opened(source) as connection:
        connection.execute("UPDATE run_attempts SET task_run_id = 77 WHERE id = 2")

    with pytest.raises(StoreError, match="run_attempts row 2: task_run_id is 77"):
        merge(source, home, attempt="a")
    assert merged_sources(home) == ()


def test_an_attempt_without_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="attempt's key"):
        merge(attempt_database(tmp_path / "1.sqlite"), tmp_path / "raw.sqlite", attempt="")


def test_agents_write_on_both_sides_meanwhile(tmp_path: Path) -> None:
    source, home = attempt_database(tmp_path / "1.sqlite"), tmp_path / "raw.sqlite"
    merge(source, home, attempt="a")
    done, waits, faults = threading.Event(), [0.0], []

    def write(path: Path, offset: int) -> None:
        number = offset
        with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
            while not done.is_set():
                number += 1
                began = time.monotonic()
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    add_run(connection, f"run-{number}", steps=2, validations=(1,), status="x")
                    connection.execute("COMMIT")
                except sqlite3.Error as error:
                    faults.append(str(error))
                    return
                waits.append(time.monotonic() - began)
                # An agent has a model to wait for.
                time.sleep(0.005)

    writers = [
        threading.Thread(target=write, args=(source, 0)),
        threading.Thread(target=write, args=(home, 10**6)),
    ]
    for writer in writers:
        writer.start()
    reports = [merge(source, home, attempt="a") for _ in range(15)]
    done.set()
    for writer in writers:
        writer.join()
    merge(source, home, attempt="a")

    assert faults == []
    assert sum(report.added.get("orchestrator_runs", 0) for report in reports) > 0
    assert sorted(told(home, attempt="a")) == sorted(told(source))
    assert rows(home, "PRAGMA foreign_key_check") == []
    assert max(waits) < 5


MERGER = """
import sys
from pathlib import Path
from cra_pipeline.integrations.raw_db.merge import merge
home, *sources = map(Path, sys.argv[1:])
print("ready", flush=True)
for source in sources:
    merge(source, home, attempt=source.stem)
"""


def merger(home: Path, sources: list[Path]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", MERGER, str(home), *map(str, sources)], stdout=subprocess.PIPE
    )


def require_whole(home: Path, sources: list[Path]) -> None:
    """Every merged source is there completely, and nothing else."""
    merged = {one.attempt: one.rows for one in merged_sources(home)}
    expected = {source.stem: len(told(source)) for source in sources}
    for attempt, count in merged.items():
        assert count > 0
        assert len(told(home, attempt=attempt)) == expected[attempt]
    if merged:
        (total,) = rows(home, "SELECT count(*) FROM task_runs")
        (origins,) = rows(home, "SELECT count(*) FROM merged_rows WHERE table_name = 'task_runs'")

        assert total == origins == (200 * len(merged),)


@pytest.mark.slow
def test_a_killed_merge_leaves_nothing_half(tmp_path: Path) -> None:
    sources = [
        attempt_database(tmp_path / f"s{number}.sqlite", number, steps=200)
        for number in range(1, 9)
    ]
    home = tmp_path / "raw.sqlite"
    draw = random.Random(7)  # noqa: S311  # when to kill is no secret
    for _ in range(10):
        with merger(home, sources) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(draw.uniform(0, 0.05))
            os.kill(process.pid, signal.SIGKILL)
        require_whole(home, sources)
    with merger(home, sources) as process:
        process.communicate()

    assert process.returncode == 0
    assert len(merged_sources(home)) == len(sources)
    require_whole(home, sources)


@pytest.mark.slow
def test_many_merges_at_once_make_one_home(tmp_path: Path) -> None:
    sources = [
        attempt_database(tmp_path / f"s{number}.sqlite", number, steps=200)
        for number in range(1, 9)
    ]
    home = tmp_path / "raw.sqlite"
    processes = [merger(home, sources[at : at + 2]) for at in (0, 2, 4, 6)]
    for process in processes:
        with process:
            process.communicate()

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert len(merged_sources(home)) == len(sources)
    require_whole(home, sources)
