"""A raw database as Parquet: processor time and memory against pandas.

Run: ``python -m cra_pipeline_tests.benchmarks.raw_snapshot [--calls 1000000] [--folder FOLDER]``.
Makes a database of calls of the agent's usual sizes, then copies it in a process of its own each
way: ours with the backup, all tables and the check of every type, and ``pandas.read_sql`` with
``to_parquet`` of the one table, straight from the database. Wanted: at most half of pandas'
processor time and a quarter of its memory. The backup alone is told apart.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from cra_pipeline_tests.integrations.raw_db.declared import many_calls

_MOST_TIME, _MOST_MEMORY = 0.5, 0.25


def ours(path: Path, folder: Path) -> None:
    """The whole snapshot."""
    from cra_pipeline.integrations.raw_db.snapshot import copy_tables

    scratch = folder / "scratch"
    scratch.mkdir()
    copy_tables({"home": path}, folder / "tables", scratch)


def backup(path: Path, folder: Path) -> None:
    """Its first step alone."""
    with (
        closing(sqlite3.connect(path)) as there,
        closing(sqlite3.connect(folder / "copy.sqlite")) as here,
    ):
        here.execute("PRAGMA journal_mode = OFF")
        here.execute("PRAGMA synchronous = OFF")
        there.backup(here)


def pandas(path: Path, folder: Path) -> None:
    """What one would write without us."""
    import pandas as pd

    with closing(sqlite3.connect(path)) as connection:
        frame = pd.read_sql("SELECT * FROM retrieval_llm_calls", connection)
    frame.to_parquet(folder / "calls.parquet")


def nothing(path: Path, folder: Path) -> None:
    """Imports alone, which each of the others pays too."""
    import pandas as pd  # noqa: F401  # as said

    from cra_pipeline.integrations.raw_db import snapshot  # noqa: F401  # as said

    path.stat()
    folder.stat()


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "pandas": pandas,
    "ours": ours,
    "backup": backup,
    "nothing": nothing,
}


def spent(way: str, path: Path) -> tuple[float, float]:
    """Processor seconds and peak megabytes of one way, in a process of its own."""
    command = [sys.executable, "-m", "cra_pipeline_tests.benchmarks.raw_snapshot"]
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
        path = many_calls(Path(name) / "agent" / "raw.sqlite", calls)
        size = path.stat().st_size
        print(f"{calls} calls, {size / 1e6:.0f} MB, {size / calls:.0f} bytes a call")
        found = {way: spent(way, path) for way in WAYS}
    for way, (seconds, megabytes) in found.items():
        print(f"{way:8} {seconds:7.2f} CPU-s {megabytes:7.0f} MB")
    base = found["nothing"][0]
    time = (found["ours"][0] - base) / (found["pandas"][0] - base)
    bare = (found["ours"][0] - found["backup"][0] - base) / (found["pandas"][0] - base)
    memory = found["ours"][1] / found["pandas"][1]
    print(f"processor time: ratio {time:.2f} (without the backup {bare:.2f}), wanted {_MOST_TIME}")
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
    WAYS[arguments.way](arguments.database, arguments.folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([sum(os.times()[:2]), used.ru_maxrss / 1024]))


if __name__ == "__main__":
    main()
