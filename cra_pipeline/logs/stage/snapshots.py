"""Copies the raw databases of a round and checks the copies."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from cra_pipeline.contracts.logs import SnapshotTable
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_record, read_table
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.raw_db.columns import COLUMNS
from cra_pipeline.integrations.raw_db.snapshot import copy_tables, file_content_id
from cra_pipeline.logs.check import snapshot_findings
from cra_pipeline.logs.databases import HOME, database_names
from cra_pipeline.logs.stage.evidence import made_partitions, rounds_until
from cra_pipeline.logs.stage.lakes import SNAPSHOT, copies


def snapshot_raw(layout: Layout, round_name: str, *, databases: Sequence[str] = ()) -> StageReport:
    """Copy every table of the workspace's raw database and of the user's, all or none.

    A workspace without a raw database, where no agent has run, gives a snapshot of the user's
    alone, or an empty one.

    Args:
        layout: The workspace.
        round_name: Whose attempts must be done and checked.
        databases: Paths of users' ``raw.sqlite``; agents may be writing into them.

    Raises:
        CheckError: Attempts of the round are not ready.
        RoundError: The round is not open.
        StoreError: A database is missing, damaged, locked or of another schema, or the disk is
            full; what was there before stays.
        BusyError: Another run is at work on this partition.
    """
    with partition_lock(layout, SNAPSHOT, round_name):
        record = rounds_until(layout, round_name)[-1]
        inputs = [
            require_checked(layout, "attempts", key)
            for key in made_partitions(layout, "attempts", record)
        ]
        layout.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=prefix_of(".part"), dir=layout.scratch) as name:
            rows = _copy(layout, round_name, _chosen(layout, databases), Path(name))
        manifest = _seal(layout, round_name, rows, inputs)
    preview = tuple(
        {"table": row.table, "database": row.database, "rows": str(row.rows)} for row in rows
    )
    return StageReport(manifest=manifest, preview=preview)


def _chosen(layout: Layout, databases: Sequence[str]) -> dict[str, Path]:
    try:
        named = database_names(databases)
    except ValueError as error:
        raise StoreError(str(error)) from error
    home = {HOME: layout.raw_db} if layout.raw_db.exists() else {}
    return home | {name: Path(path) for name, path in named.items()}


def _copy(
    layout: Layout, round_name: str, databases: dict[str, Path], work: Path
) -> tuple[SnapshotTable, ...]:
    """Copy beside the place, then exchange: a reader sees the old tables or the new ones."""
    fresh, target = work / "tables", copies(layout, round_name)
    fresh.mkdir()
    rows = copy_tables(databases, fresh, work)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Without its manifest the partition is not done, if a kill comes in between.
        layout.manifest(SNAPSHOT, round_name).unlink(missing_ok=True)
        if target.exists():
            target.rename(work / "old")
        fresh.rename(target)
    except OSError as error:
        raise StoreError(
            f"{target}: could not be written ({error.strerror}): mend the folder's rights, then "
            "run again"
        ) from error
    shutil.rmtree(work / "old", ignore_errors=True)
    return rows


def _seal(
    layout: Layout, round_name: str, rows: Sequence[SnapshotTable], inputs: Sequence[Input]
) -> AssetManifest:
    return seal_table(
        layout,
        SNAPSHOT,
        round_name,
        rows,
        SnapshotTable,
        reasons=[row.database for row in rows],
        inputs=inputs,
        policy="{}",
    )


def check_snapshot(layout: Layout, round_name: str) -> CheckReport:
    """Count every copied table again, compare its content, and store the result.

    Raises:
        StoreError: The snapshot was not made, or its list is damaged.
    """
    manifest = read_record(layout.manifest(SNAPSHOT, round_name), AssetManifest)
    rows = read_table(layout.table(SNAPSHOT, round_name), SnapshotTable)
    root = copies(layout, round_name)
    found = {
        (path.parent.name, path.stem): (_rows(path), file_content_id(path))
        for path in sorted(root.glob("*/*.parquet"))
    }
    return write_check(layout, manifest, snapshot_findings(rows, found, COLUMNS))


def _rows(path: Path) -> int:
    """Counted from the rows themselves; -1 where the file cannot be read."""
    try:
        with pq.ParquetFile(path) as file:
            return sum(batch.num_rows for batch in file.iter_batches(columns=["database"]))
    except (OSError, ValueError):
        return -1
