"""A raw database as Parquet: processor time and memory against pandas.

Run: ``python -m cra_pipeline_tests.benchmarks.raw_snapshot [--calls 1000000] [--folder FOLDER]``.
Makes a database of calls as a campaign left them, then copies it in a process of its own each way:
ours with the backup, all tables and the check of every type, and ``pandas.read_sql`` with
``to_parquet`` of the one table, straight from the database. Wanted: at most half of pandas'
processor time and a quarter of its memory. Imports count for memory, and not for time, which each
process takes from the moment that they are done. The backup alone is told apart.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cra_pipeline_tests.integrations.raw_db.databases import opened
from cra_pipeline_tests.integrations.raw_db.declared import declared_database

_MOST_TIME, _MOST_MEMORY = 0.5, 0.25
_CALLS_OF_A_TASK = 2000
_BLOCK = 1000
_FIRST = datetime(2026, 11, 24, 10, 0, 0, 1, tzinfo=UTC)
_INSERT = (
    "INSERT INTO retrieval_llm_calls (task_id, call_type, stage_name, model, system_prompt, "
    "prompt, response, prompt_tokens, completion_tokens, latency_ms, timestamp, thinking) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Usual:
    """A call type as a campaign of 744,917 calls held it; sizes are means in characters."""

    name: str
    share: float
    system: int
    prompt: int
    answer: int


USUAL = (
    Usual("precision", 0.9091, 153, 781, 2),
    Usual("scope", 0.0739, 161, 1551, 2),
    Usual("stage_routing", 0.0059, 186, 746, 3),
    Usual("similarity", 0.0043, 227, 877, 2),
    Usual("task_analysis", 0.0029, 258, 3016, 75),
    Usual("execute_plan", 0.0021, 840, 26386, 358),
    Usual("execute_implement", 0.0006, 642, 20902, 1456),
    Usual("execute_test_implement", 0.0006, 849, 18554, 1298),
    Usual("documentation", 0.0004, 992, 24825, 53),
    Usual("execute_adjust", 0.0002, 548, 6935, 94),
)


def campaign(path: Path, count: int) -> Path:
    """A database of so many calls, in the shares and sizes of ``USUAL``."""
    declared_database(path)
    with opened(path) as connection:
        connection.execute("BEGIN")
        connection.executemany(_INSERT, _calls(count))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def _calls(count: int) -> Iterator[tuple[object, ...]]:
    """Two thirds of a prompt are those of its whole task; the rest is met nowhere else."""
    draw = random.Random(0)  # noqa: S311  # made-up texts
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz_", k=7)) for _ in range(20_000)]
    shares = [usual.share for usual in USUAL]
    systems = {usual.name: _text(draw, words, usual.system) for usual in USUAL}
    for first in range(0, count, _BLOCK):
        if first % _CALLS_OF_A_TASK == 0:
            task = f"{first // _CALLS_OF_A_TASK:08d}-0000-4000-8000-000000000000"
            shared = {usual.name: _text(draw, words, usual.prompt * 2 // 3) for usual in USUAL}
        kinds = draw.choices(USUAL, shares, k=min(_BLOCK, count - first))
        for number, usual in enumerate(kinds, first):
            prompt = shared[usual.name] + _text(draw, words, usual.prompt // 3)
            answer = ("yes", "no")[number % 3 > 0]
            if usual.answer > len(answer):
                answer = _text(draw, words, usual.answer)
            yield (
                f"{task}:impl:p1:s{number // 400 % 5}", usual.name, usual.name, "cra-reasoning",
                systems[usual.name], prompt, answer, len(prompt) // 4, 1 + len(answer) // 4,
                draw.randrange(40, 4000), _time(number), "",
            )  # fmt: skip


def _time(number: int) -> str:
    """As the agent writes it; no two are the same."""
    return (_FIRST + timedelta(microseconds=number * 654_321)).isoformat(timespec="microseconds")


def _text(draw: random.Random, words: list[str], size: int) -> str:
    return " ".join(draw.choices(words, k=1 + size // 8))


def ours(path: Path, folder: Path) -> None:
    """The whole snapshot."""
    from cra_pipeline.integrations.raw_db.snapshot import copy_tables

    scratch = folder / "scratch"
    scratch.mkdir()
    copy_tables({"home": path}, folder / "tables", scratch)


def backup(path: Path, folder: Path) -> None:
    """Its first step alone."""
    from cra_pipeline.integrations.raw_db.snapshot import back_up

    back_up(path, folder / "copy.sqlite", 5)


def pandas(path: Path, folder: Path) -> None:
    """What one would write without us."""
    import pandas as pd

    with closing(sqlite3.connect(path)) as connection:
        frame = pd.read_sql("SELECT * FROM retrieval_llm_calls", connection)
    frame.to_parquet(folder / "calls.parquet")


WAYS: dict[str, Callable[[Path, Path], None]] = {"pandas": pandas, "ours": ours, "backup": backup}


def processor_seconds() -> float:
    """Of all threads of this process until now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def one(way: str, path: Path, folder: Path) -> tuple[float, float]:
    """Processor seconds without the imports, and peak megabytes with them."""
    small = folder / "small"
    small.mkdir()
    # Once on next to nothing: the imports, also those that only the work asks for.
    WAYS[way](campaign(small / "agent" / "raw.sqlite", 10), small)
    began = processor_seconds()
    WAYS[way](path, folder)
    spent = processor_seconds() - began
    return spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(way: str, path: Path) -> tuple[float, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", __spec__.name]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        done = subprocess.run(
            [*command, "--way", way, "--folder", folder, "--database", str(path)],
            check=True,
            capture_output=True,
            text=True,
        )
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


def measure(calls: int, folder: Path) -> None:
    """Make the database, run every way once, print the ratios."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = campaign(Path(name) / "agent" / "raw.sqlite", calls)
        size = path.stat().st_size
        print(f"{calls} calls, {size / 1e6:.0f} MB, {size / calls:.0f} bytes a call", flush=True)
        found = {way: apart(way, path) for way in WAYS}
    for way, (seconds, megabytes) in found.items():
        print(f"{way:8} {seconds:7.2f} CPU-s {megabytes:7.0f} MiB")
    time = found["ours"][0] / found["pandas"][0]
    memory = found["ours"][1] / found["pandas"][1]
    print(f"processor time: ratio {time:.2f}, wanted {_MOST_TIME}")
    print(f"memory: ratio {memory:.2f}, wanted {_MOST_MEMORY}")


def main() -> None:
    """Read the arguments and measure; with ``--way`` this is one of the processes measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--way", choices=sorted(WAYS))
    parser.add_argument("--database", type=Path)
    arguments = parser.parse_args()
    if arguments.way is None:
        measure(arguments.calls, arguments.folder)
        return
    print(json.dumps(one(arguments.way, arguments.database, arguments.folder)))


if __name__ == "__main__":
    main()
