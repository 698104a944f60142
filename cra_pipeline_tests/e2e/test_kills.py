"""A pipeline that is killed again and again ends with the bytes of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cra_pipeline.cli.machine import wheelhouse_folder
from cra_pipeline.integrations.index import serve_wheels

KILLS = int(os.environ.get("CRA_PIPELINE_KILLS", "2"))
"""Twenty by hand, ``CRA_PIPELINE_KILLS=20``: each costs a part of a run."""
KILLS_EACH = 4
"""Kills of one workspace, until it is brought to its end and compared."""

LEFTOVERS = ("score-*", "env-*", "package-*", "wheel-*", "bench-*", "testrun-*", ".part-*", "*.tmp")
"""Names of work in flight in the scratch folder."""

TABLES = ("repo_snapshots", "commits", "repo_packages", "tasks", "attempts", "triples")
COMMAND = (str(Path(sys.executable).with_name("cra-pipeline")), "run", "preference_pairs")


@pytest.fixture(scope="module")
def index() -> Iterator[str]:
    with serve_wheels(wheelhouse_folder()) as address:
        yield address.url


class Workspace:
    """A workspace that is used by processes of its own."""

    def __init__(self, root: Path, index: str) -> None:
        self.root = root
        names = {"CRA_PIPELINE_HOME": str(root), "UV_DEFAULT_INDEX": index}
        self._environment = os.environ | names

    def add(self, till: Path) -> None:
        subprocess.run(
            [COMMAND[0], "add", str(till), "--name", "till"], env=self._environment, check=True
        )

    def start(self) -> subprocess.Popen[bytes]:
        """A run in a process group of its own, so that all of it can be killed at once."""
        return subprocess.Popen(
            [*COMMAND, "--repo", "till"],
            env=self._environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def finish(self) -> None:
        process = self.start()
        words, _ = process.communicate(timeout=300)
        assert process.returncode == 0, words.decode()

    def tables(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for name in (*TABLES, "preference_pairs")
            for pattern in ("*.parquet", "asset.json")
            for path in sorted((self.root / name).rglob(pattern))
        }

    def leftovers(self) -> list[str]:
        """Work in flight that nobody finishes; checked-out trees are not looked into."""
        scratch = self.root / "scratch"
        return sorted(
            path.relative_to(scratch).as_posix()
            for folder in (scratch, scratch / "trees")
            for pattern in LEFTOVERS
            for path in folder.glob(pattern)
        )


@pytest.mark.slow
def test_kills_lose_nothing(till: Path, tmp_path: Path, index: str) -> None:
    undisturbed = Workspace(tmp_path / "quiet", index)
    undisturbed.add(till)
    began = time.monotonic()
    undisturbed.finish()
    whole = time.monotonic() - began
    draw = random.Random(7)  # noqa: S311  # moments, not secrets
    # A workspace in which much is done already has little left to lose: a fresh one after a few.
    for first in range(0, KILLS, KILLS_EACH):
        killed = Workspace(tmp_path / f"killed{first}", index)
        killed.add(till)
        for _ in range(first, min(first + KILLS_EACH, KILLS)):
            process = killed.start()
            time.sleep(draw.uniform(0.0, whole))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        killed.finish()

        assert killed.tables() == undisturbed.tables()
        assert killed.leftovers() == []
