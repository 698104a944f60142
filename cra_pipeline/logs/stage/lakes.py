"""Opens the log analysis of a workspace: one round's snapshot beside our own tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from cra_pipeline.contracts.arrow import arrow_schema
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.duckdb_lake import LakeTable, opened_lake
from cra_pipeline.integrations.raw_db.columns import COLUMNS, snapshot_schema
from cra_pipeline.logs.analysis import LogAnalysisAPI

SNAPSHOT = "raw_snapshot"
# As ``integrations.calls`` compacts them.
_CALLS = pa.schema([pa.field("attempt_id", pa.string(), nullable=False), *arrow_schema(CallRecord)])


def copies(layout: Layout, round_name: str) -> Path:
    """Folder of a snapshot's tables, ``<table>/<database>.parquet``."""
    return layout.partition(SNAPSHOT, round_name) / "tables"


@contextmanager
def log_analysis(
    layout: Layout, round_name: str, partitions: Sequence[str]
) -> Iterator[LogAnalysisAPI]:
    """Hold the log analysis of one round's snapshot.

    Args:
        layout: The workspace.
        round_name: Whose snapshot is read.
        partitions: ``repo|round`` keys of the attempts, triples and pairs that count; one that
            was not made is passed over.

    Raises:
        StoreError: A table is damaged or of another schema.
    """
    repos = sorted({key.partition("|")[0] for key in partitions})
    tables = {
        "attempts": _own(layout, "attempts", partitions, AttemptRow),
        "triples": _own(layout, "triples", partitions, TripleRow),
        "pairs": _own(layout, "preference_pairs", partitions, PreferencePair),
        "repos": _own(layout, "repo_snapshots", repos, RepoSnapshot),
        "calls": LakeTable(
            [
                path
                for key in partitions
                for path in sorted((layout.partition("attempts", key) / "calls").glob("*.parquet"))
            ],
            _CALLS,
        ),
    }
    for name in COLUMNS:
        found = sorted((copies(layout, round_name) / name).glob("*.parquet"))
        tables[f"raw_{name}"] = LakeTable(found, snapshot_schema(name))
    with opened_lake(tables) as lake:
        yield LogAnalysisAPI(lake)


def _own(layout: Layout, asset: str, partitions: Sequence[str], record: type[Record]) -> LakeTable:
    paths = [layout.table(asset, key) for key in partitions]
    return LakeTable([path for path in paths if path.exists()], arrow_schema(record))
