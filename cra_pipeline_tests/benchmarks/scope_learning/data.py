"""First step: rows from real histories, one Parquet file per repository.

Run: ``CRA_PIPELINE_CLONES=FOLDER python -m cra_pipeline_tests.benchmarks.scope_learning.data``.
The folder holds bare clones of the repositories in ``corpus``. Full lists everywhere; prompts of
files that no training step sees are left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cra_pipeline.integrations.ranking.histories import asking_commits
from cra_pipeline.integrations.ranking.lists import OTHER, FileList, file_lists
from cra_pipeline.ranking.candidates import CandidatePolicy
from cra_pipeline.ranking.messages import CommitPolicy
from cra_pipeline.ranking.signals import COLUMNS
from cra_pipeline_tests.benchmarks.scope_learning.corpus import (
    HELD_OUT,
    NEWEST,
    NEWEST_HELD_OUT,
    TRAINING,
    git_directory,
    home,
    split_of,
)


def build(name: str) -> str:
    """Write one repository's rows and say how many there are."""
    start = time.monotonic()
    newest = NEWEST_HELD_OUT if name in HELD_OUT else NEWEST
    asked = asking_commits(git_directory(name), "HEAD", newest=newest, policy=CommitPolicy())
    lists = list(file_lists(asked, CandidatePolicy()))
    splits = [split_of(name, at, len(lists)) for at in range(len(lists))]
    rows = [
        row for one, split in zip(lists, splits, strict=True) for row in _rows(name, one, split)
    ]
    pq.write_table(pa.Table.from_pylist(rows), target(name), compression="zstd")
    counts = ", ".join(f"{split} {splits.count(split)}" for split in dict.fromkeys(splits))
    hard = sum(one.hard for one in lists)
    files = len(rows) / max(1, len(lists))
    took = time.monotonic() - start
    return f"{name}: {counts}; hard {hard}; {files:.0f} files a list; {took:.0f} s"


def target(name: str) -> Path:
    """File of one repository."""
    return home() / f"rows-{name}.parquet"


def _rows(name: str, one: FileList, split: str) -> Iterator[dict[str, object]]:
    for file in one.files:
        unused = split == "train" and file.kind == OTHER
        yield {
            "repo": name, "sha": one.sha, "at": one.at, "split": split, "hard": one.hard,
            "path": file.path, "touched": file.touched, "kind": file.kind,
            "prompt": "" if unused else file.prompt,
            **dict(zip(COLUMNS, file.found.row, strict=True)),
        }  # fmt: skip


def main() -> None:
    """All repositories that are named, or all there are."""
    names = sys.argv[1:] or [*TRAINING, *HELD_OUT]
    with ProcessPoolExecutor(max_workers=2) as pool:
        for told in pool.map(build, names):
            print(told, flush=True)


if __name__ == "__main__":
    main()
