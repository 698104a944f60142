"""An attempt made again has the rows of its last try in the home, and of no other."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.merge import merge, merged_sources
from cra_pipeline.integrations.raw_db.tries import forget, merge_try
from cra_pipeline_tests.integrations.raw_db.databases import (
    TASK,
    add_run,
    attempt_database,
    insert,
    opened,
    rows,
    told,
)


def everything(home: Path) -> list[str]:
    with closing(sqlite3.connect(home)) as connection:
        return list(connection.iterdump())


def orphans(home: Path) -> list[tuple[object, ...]]:
    """Runs in the home of which no merged attempt is the origin."""
    return rows(
        home,
        "SELECT id FROM orchestrator_runs WHERE id NOT IN "
        "(SELECT home_row FROM merged_rows WHERE table_name = 'orchestrator_runs')",
    )


def test_a_second_try_takes_the_place_of_the_first(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    killed = attempt_database(tmp_path / "1.sqlite", 1, steps=5)
    again = attempt_database(tmp_path / "2.sqlite", 2)
    other = attempt_database(tmp_path / "3.sqlite", 3)
    merge_try(killed, home, attempt="a")
    merge_try(other, home, attempt="b")
    merge_try(again, home, attempt="a")

    assert [source.attempt for source in merged_sources(home)] == ["a", "b"]
    assert told(home, attempt="a") == told(again)
    assert told(home, attempt="b") == told(other)
    assert sorted(told(home)) == sorted([*told(again), *told(other)])
    assert orphans(home) == []
    assert rows(home, "PRAGMA foreign_key_check") == []


def test_the_same_try_again_changes_nothing(tmp_path: Path) -> None:
    home, source = tmp_path / "raw.sqlite", attempt_database(tmp_path / "1.sqlite")
    merge_try(source, home, attempt="a")
    before = everything(home)

    assert merge_try(source, home, attempt="a").added == {}
    assert everything(home) == before


def test_tries_that_earlier_versions_kept_apart_go_too(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    names = ["a-0123456789ab", "a-ba9876543210", "a-b", "aa-0123456789ab", "a-0123456789abc"]
    for number, name in enumerate(names, start=1):
        merge(attempt_database(tmp_path / f"{number}.sqlite", number), home, attempt=name)
    merge_try(attempt_database(tmp_path / "9.sqlite", 9), home, attempt="a")

    assert [source.attempt for source in merged_sources(home)] == ["a", *sorted(names[2:])]


def test_a_try_that_had_been_kept_apart_comes_under_the_attempts_own_id(tmp_path: Path) -> None:
    home, source = tmp_path / "raw.sqlite", attempt_database(tmp_path / "1.sqlite")
    merge(source, home, attempt="a-0123456789ab")
    merge_try(source, home, attempt="a")

    assert [found.attempt for found in merged_sources(home)] == ["a"]


def test_an_id_is_no_pattern(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    for number, name in enumerate(["[ab]-0123456789ab", "a-0123456789ab", "*-0123456789ab"], 1):
        merge(attempt_database(tmp_path / f"{number}.sqlite", number), home, attempt=name)

    assert forget(home, attempt="?") == 0
    assert forget(home, attempt="[ab]") > 0
    assert forget(home, attempt="*") > 0
    assert [found.attempt for found in merged_sources(home)] == ["a-0123456789ab"]


def test_a_last_try_that_cannot_be_read_leaves_none(tmp_path: Path) -> None:
    home, source = tmp_path / "raw.sqlite", attempt_database(tmp_path / "1.sqlite")
    broken = tmp_path / "2.sqlite"
    broken.write_bytes(b"notes" * 1000)
    merge_try(source, home, attempt="a")

    with pytest.raises(StoreError, match=r"2\.sqlite"):
        merge_try(broken, home, attempt="a")
    assert merged_sources(home) == ()
    assert told(home) == []


def test_what_an_agent_wrote_into_the_home_itself_stays(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    merge_try(attempt_database(tmp_path / "1.sqlite"), home, attempt="a")
    with opened(home) as connection:
        add_run(connection, TASK.format(7), steps=2, validations=(1,), status="x")
    forget(home, attempt="a")

    assert rows(home, "SELECT task_id FROM orchestrator_runs") == [(TASK.format(7),)]
    assert len(told(home)) == 1


def test_rows_that_something_else_refers_to_are_all_kept(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    merge_try(attempt_database(tmp_path / "1.sqlite"), home, attempt="a")
    with opened(home) as connection:
        insert(connection, "validation_results", attempt_id=1, success=0)
    before = everything(home)

    with pytest.raises(StoreError, match="FOREIGN KEY"):
        forget(home, attempt="a")
    assert everything(home) == before


def test_a_home_without_the_attempt_is_left_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"

    assert forget(home, attempt="a") == 0
    assert not home.exists()
    attempt_database(home)
    before = everything(home)
    assert forget(home, attempt="a") == 0
    assert everything(home) == before
    with pytest.raises(ValueError, match="id of their attempt"):
        forget(home, attempt="")


def test_an_agent_writes_into_the_home_meanwhile(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    tries = [attempt_database(tmp_path / f"{n}.sqlite", n, steps=10) for n in (1, 2)]
    merge_try(tries[0], home, attempt="a")
    done = threading.Event()
    faults: list[str] = []
    written: list[str] = []

    def write() -> None:
        with closing(sqlite3.connect(home, isolation_level=None, timeout=30)) as connection:
            while not done.is_set():
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    name = f"own-{len(written)}"
                    add_run(connection, name, steps=1, validations=(1,), status="x")
                    connection.execute("COMMIT")
                except sqlite3.Error as error:
                    faults.append(str(error))
                    return
                written.append(name)
                # An agent has a model to wait for.
                time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    for turn in range(5):
        merge_try(tries[turn % 2], home, attempt="a")
    done.set()
    writer.join()

    assert faults == []
    assert told(home, attempt="a") == told(tries[0])
    assert len(orphans(home)) == len(written) > 0
    assert rows(home, "PRAGMA foreign_key_check") == []


MERGER = """
import sys
from pathlib import Path
from cra_pipeline.integrations.raw_db.tries import merge_try
home, *sources = map(Path, sys.argv[1:])
print("ready", flush=True)
while True:
    for source in sources:
        merge_try(source, home, attempt="a")
"""


@pytest.mark.slow
def test_a_kill_leaves_one_try_or_none(tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    tries = [attempt_database(tmp_path / f"{n}.sqlite", n, steps=100) for n in (1, 2)]
    draw = random.Random(5)  # noqa: S311  # when to kill is no secret
    for _ in range(12):
        command = [sys.executable, "-c", MERGER, str(home), *map(str, tries)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(draw.uniform(0, 0.2))
            os.kill(process.pid, signal.SIGKILL)
        if home.exists() and merged_sources(home):
            assert told(home) in [told(tries[0]), told(tries[1])]
            assert orphans(home) == []
    merge_try(tries[0], home, attempt="a")

    assert told(home, attempt="a") == told(tries[0])
