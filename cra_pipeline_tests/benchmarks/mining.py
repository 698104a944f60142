"""How fast the commit filter is beside naive PyDriller, in one run on one repository.

``python -m cra_pipeline_tests.benchmarks.mining --repo PATH`` prints ``ratio: X`` (wall time of
naive PyDriller over that of the filter without symbols) and the absolute figures. Naive means:
``modified_files`` and ``added_lines`` of every commit. Nothing is written into the repository.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from git import Repo

from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.commits.stage import judge_history
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.symbols import symbol_reader
from cra_pipeline_tests.benchmarks.reference import pydriller_commits

_REPEATS = 3
_MB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """Wall and processor seconds, those of git's processes included."""

    wall: float
    cpu: float


def cost_of(work: Callable[[], object]) -> Cost:
    """Run once and measure."""
    wall, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    return Cost(time.perf_counter() - wall, sum(after[:4]) - sum(before[:4]))


def naive(clone: Path, revision: str) -> int:
    """Lines that PyDriller counts as added over the whole history."""
    opened = Repo(clone)
    try:
        return sum(
            modified.added_lines
            for commit in pydriller_commits(opened, revision)
            for modified in commit.modified_files
        )
    finally:
        opened.close()


def symbols(clone: Path, rows: Sequence[CommitRow]) -> int:
    """Changed symbols of the qualified commits."""
    with symbol_reader(clone) as reader:
        return sum(len(reader.changed(sha)) for row in rows if row.qualified for sha in row.window)


def traced_peak(work: Callable[[], object]) -> float:
    """Highest Python memory of one run in MB, the imported modules left out."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / _MB
    finally:
        tracemalloc.stop()


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    found = git(None, "-C", arguments.repo, "rev-parse", "--absolute-git-dir")
    clone = Path(found.decode().strip())
    rows: tuple[CommitRow, ...] = ()

    def filtered() -> None:
        nonlocal rows
        rows = judge_history(clone, clone.stem, policy=FilterPolicy(), revision=arguments.revision)

    filtered()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    runs = [cost_of(filtered) for _ in range(_REPEATS)]
    ours = Cost(
        statistics.median(run.wall for run in runs), statistics.median(run.cpu for run in runs)
    )
    print(f"commits: {len(rows)}, qualified: {sum(row.qualified for row in rows)}")
    print(f"filter without symbols: {ours.wall:.2f} s wall, {ours.cpu:.2f} s processor")
    print(f"peak resident memory of that: {resident:.0f} MB")
    if arguments.memory:
        print(f"peak Python memory: {traced_peak(filtered):.0f} MB")
    extra = cost_of(lambda: symbols(clone, rows))
    print(f"symbols of the qualified: {extra.wall:.2f} s wall, {extra.cpu:.2f} s processor")
    if arguments.skip_naive:
        return
    theirs = cost_of(lambda: naive(clone, arguments.revision))
    print(f"naive PyDriller: {theirs.wall:.2f} s wall, {theirs.cpu:.2f} s processor")
    print(f"ratio with symbols: {theirs.wall / (ours.wall + extra.wall):.1f}")
    print(f"ratio by processor time: {theirs.cpu / ours.cpu:.1f}")
    print(f"ratio: {theirs.wall / ours.wall:.1f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repo", required=True, help="a git repository, bare or not")
    parser.add_argument("--revision", default="HEAD")
    parser.add_argument("--memory", action="store_true", help="trace Python memory (slow)")
    parser.add_argument("--skip-naive", action="store_true", help="no comparison, so no ratio")
    return parser.parse_args()


if __name__ == "__main__":
    main()
