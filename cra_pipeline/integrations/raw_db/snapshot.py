"""Copies raw databases as of one moment, while agents write into them, and writes Parquet.

The copy is made with SQLite's backup API in one step: a single moment of the database, however many
writers there are. It lies on disk, not in memory, and is gone when its tables are written.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cra_pipeline.contracts.logs import SnapshotTable
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.columnar import Reading
from cra_pipeline.integrations.raw_db.columns import COLUMNS, require_declared, snapshot_schema
from cra_pipeline.integrations.raw_db.merge import OWN_TABLES
from cra_pipeline.integrations.raw_db.opening import WAIT_S, explained
from cra_pipeline.integrations.raw_db.schema import tables_in

_POLL_S = 1.0
_PIECE_BYTES = 1 << 16
_GROUP_BYTES = 32 << 20
_LEAST_BYTES = 64
"""Of a row that is likely: more ids than that have gaps."""
_LEVEL = -5
"""Of zstd. Level 1 writes 0.6 of the bytes in 1.6 of the processor time; snappy writes 1.3 of them
in 0.9 of the time."""
_UNIQUE = frozenset({"prompt", "raw_prompt", "raw_response", "test_output", "timestamp"})
"""Columns in which hardly a value comes twice: a dictionary of them would be work for nothing."""


def copy_tables(
    databases: Mapping[str, Path], target: Path, scratch: Path, *, wait_s: float = WAIT_S
) -> tuple[SnapshotTable, ...]:
    """Write every table of every database as ``target/<table>/<database>.parquet``.

    Args:
        databases: Path by name.
        target: Folder that is made; on an error the caller removes it.
        scratch: Folder for one copy at a time, as large as the database.
        wait_s: Seconds that a lock of another process is waited for.

    Returns:
        One row for each file, sorted by table, then by database.

    Raises:
        StoreError: A database is missing, damaged, locked or of another schema, or the disk is
            full.
    """
    found: list[SnapshotTable] = []
    for database in sorted(databases):
        with _copied(databases[database], scratch, wait_s) as place:
            found += _tables(place, databases[database], database, target)
    return tuple(sorted(found, key=lambda row: (row.table, row.database)))


@contextmanager
def _copied(source: Path, scratch: Path, wait_s: float) -> Iterator[Path]:
    if not source.is_file():
        raise StoreError(
            f"{source}: missing; expected the raw.sqlite of an agent: name the right file, or run "
            "the agent first"
        )
    place = scratch / "copy.sqlite"
    with explained(source):
        try:
            back_up(source, place, wait_s)
            yield place
        finally:
            place.unlink(missing_ok=True)


def back_up(source: Path, place: Path, wait_s: float) -> None:
    """Copy a database as of one moment into a new file, whoever writes into it meanwhile.

    Args:
        source: The database; it is only read.
        place: File that is made; a kill in between leaves half of it.
        wait_s: Seconds that a lock of another process is waited for.

    Raises:
        StoreError: Another process held the database for longer.
        sqlite3.Error: SQLite failed otherwise.
    """
    uri = f"{source.resolve().as_uri()}?mode=ro"
    deadline = time.monotonic() + wait_s

    def told(status: int, _remaining: int, _total: int) -> None:
        # Python tries for ever while another process holds the database.
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > deadline:
            raise StoreError(
                f"{source}: another process held it for {wait_s:g} s: wait for it, or end it, and "
                "run again"
            )

    with (
        closing(sqlite3.connect(uri, uri=True, timeout=min(_POLL_S, wait_s))) as there,
        closing(sqlite3.connect(place)) as here,
    ):
        # Nobody needs half a copy: what a kill leaves is swept.
        here.execute("PRAGMA journal_mode = OFF")
        here.execute("PRAGMA synchronous = OFF")
        # Pages that are there already stay as large as they are, and the copy is written in pieces
        # of 64 KiB, not of 4: a third of the processor time. The copy itself has the source's.
        here.execute(f"PRAGMA page_size = {_PIECE_BYTES}")
        here.execute("CREATE TABLE piece (number)")
        there.backup(here, progress=told)


def _tables(place: Path, where: Path, database: str, target: Path) -> Iterator[SnapshotTable]:
    uri = f"{place.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        (encoding,) = connection.execute("PRAGMA encoding").fetchone()
        if encoding != "UTF-8":
            raise StoreError(f"{where}: expected UTF-8, found {encoding}: another program wrote it")
        require_declared(connection, where, also=OWN_TABLES)
        sources = _sources(connection)
        for table, columns in COLUMNS.items():
            most = _most_rows(connection, table, place.stat().st_size)
            reading = Reading(
                place=place, where=where, table=table, columns=columns, rows=most, sources=sources
            )  # fmt: skip
            path = target / table / f"{database}.parquet"
            rows = _write(reading, database, path)
            if rows != most and rows != (expected := _count(connection, table)):
                raise StoreError(
                    f"{where}: table {table}: expected {expected} rows, read {rows}: the file is "
                    "damaged; run the attempt again"
                )
            yield SnapshotTable(
                database=database, table=table, rows=rows, content_id=file_content_id(path)
            )


def _most_rows(connection: sqlite3.Connection, table: str, size: int) -> int:
    """As many rows as ids have room for; where rows would be too small for that, their number.

    Counting reads most of the file. Ids that follow each other without a gap, as an agent gives
    them, tell the number at once.
    """
    sql = f'SELECT max("id"), (SELECT min("id") FROM "{table}") FROM "{table}"'  # noqa: S608  # a declared name
    last, first = connection.execute(sql).fetchone()
    if not isinstance(last, int) or not isinstance(first, int):
        return _count(connection, table)
    span = last - first + 1
    return span if size >= _LEAST_BYTES * span else _count(connection, table)


def _count(connection: sqlite3.Connection, table: str) -> int:
    (rows,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608  # a declared name
    return int(rows)


def _sources(connection: sqlite3.Connection) -> dict[int, str]:
    if not set(OWN_TABLES) <= tables_in(connection):
        return {}
    return dict(connection.execute("SELECT source_id, attempt FROM merged_sources").fetchall())


def _write(reading: Reading, database: str, path: Path) -> int:
    """Stream one table into a file; returns its rows."""
    schema = snapshot_schema(reading.table)
    names = [
        field.name for field in schema if field.type == pa.string() and field.name not in _UNIQUE
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = 0
        with pq.ParquetWriter(
            path, schema, compression="zstd", compression_level=_LEVEL, use_dictionary=names,
            write_statistics=["id"],
        ) as writer:  # fmt: skip
            for group in _groups(reading, database, schema):
                rows += group.num_rows
                writer.write_table(group)
    except OSError as error:
        raise StoreError(
            f"{path}: could not be written ({error.strerror or error}): free disk space, then run "
            "again"
        ) from error
    return rows


def _groups(reading: Reading, database: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """Batches gathered to row groups of some size, which compress better."""
    held: list[pa.Table] = []
    for batch in reading.batches():
        named = pa.repeat(pa.scalar(database, pa.string()), batch.num_rows)
        held.append(batch.add_column(0, "database", named).cast(schema))
        if sum(table.nbytes for table in held) >= _GROUP_BYTES:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def file_content_id(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
