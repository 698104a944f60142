"""Atomic files, Parquet tables of records, journals and partition locks.

What may be cut off by SIGKILL is appended to a journal, one flushed JSON line per finished unit,
and compacted into a table at the end. Every other file is written beside its place and renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import filelock
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cra_pipeline.contracts.arrow import arrow_schema
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, StoreError
from cra_pipeline.integrations.leftovers import sweep

R = TypeVar("R", bound=Record)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` at once: a reader sees the old file or the new one.

    Raises:
        StoreError: The disk is full or the folder cannot be written; nothing half-written stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
    except OSError as error:
        raise StoreError(
            f"{path}: could not be written ({error.strerror}): free disk space or mend the "
            "folder's rights, then run the same command again; finished work is kept"
        ) from error


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def write_record(path: Path, record: Record) -> None:
    """Write one record as indented JSON with sorted keys."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_record(path: Path, record: type[R]) -> R:
    """Read a file that ``write_record`` wrote.

    Raises:
        StoreError: The file is missing or of another shape.
    """
    try:
        return record.parse_json(path.read_bytes(), where=str(path))
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; run the stage that writes it") from error
    except ValueError as error:
        raise StoreError(str(error)) from error


def rows_content_id(rows: Iterable[Record]) -> str:
    """SHA-256 over the rows' canonical JSON lines, in order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(row.canonical_json().encode())
        digest.update(b"\n")
    return digest.hexdigest()


def write_table(path: Path, rows: Sequence[R], record: type[R]) -> str:
    """Write rows in the given order as zstd Parquet.

    Returns:
        Their ``rows_content_id``.
    """
    columns = [row.model_dump(mode="json") for row in rows]
    table = pa.Table.from_pylist(columns, schema=arrow_schema(record))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_bytes(path, sink.getvalue().to_pybytes())
    return rows_content_id(rows)


def read_table(path: Path, record: type[R]) -> tuple[R, ...]:
    """Read a whole table back into records.

    Raises:
        StoreError: Missing, damaged, or of another schema; the message names the column.
    """
    return tuple(iterate_table(path, record))


def iterate_table(
    path: Path,
    record: type[R],
    *,
    batch_rows: int = 1024,
    where: Mapping[str, str] | None = None,
) -> Iterator[R]:
    """Stream a table as records, in file order.

    Args:
        path: The table.
        record: Shape of its rows.
        batch_rows: Rows in memory at a time.
        where: Texts that columns must hold; other rows are passed over before they cost anything.

    Raises:
        StoreError: Missing, damaged, or of another schema; the message names the column.
    """
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; run the stage that writes it") from error
    except pa.ArrowInvalid as error:
        raise StoreError(f"{path}: no Parquet table ({error}); delete it and run again") from error
    with file:
        _require_schema(path, file.schema_arrow, arrow_schema(record))
        number = 0
        for batch in file.iter_batches(batch_size=batch_rows):
            places = _places(batch, where or {})
            for place, row in zip(places.to_pylist(), batch.take(places).to_pylist(), strict=True):
                yield _row(row, record, f"{path}: row {number + place + 1}")
            number += batch.num_rows


def _places(batch: pa.RecordBatch, where: Mapping[str, str]) -> pa.Array:
    wanted = pa.repeat(True, batch.num_rows)  # the value that is repeated
    for column, value in where.items():
        wanted = pc.and_(wanted, pc.equal(batch.column(column), value))
    return pc.indices_nonzero(wanted)


def _row(row: object, record: type[R], where: str) -> R:
    try:
        return record.parse_json(json.dumps(row), where=where)
    except ValueError as error:
        raise StoreError(f"{error}; run the stage that writes the table again") from error


def _require_schema(path: Path, found: pa.Schema, expected: pa.Schema) -> None:
    if found.names != expected.names:
        odd = sorted(set(found.names) ^ set(expected.names)) or found.names
        raise StoreError(
            f"{path}: columns differ at {', '.join(odd)}: the file is of another version; "
            "run the stage that writes it again"
        )
    for column in expected:
        if found.field(column.name).type != column.type:
            raise StoreError(
                f"{path}: column {column.name} holds {found.field(column.name).type}, expected "
                f"{column.type}: run the stage that writes it again"
            )


def append_journal(path: Path, record: Record) -> None:
    """Append one line and flush it to disk; a kill can tear only the line in flight."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(record.canonical_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(
            f"{path}: could not be appended ({error.strerror}): free disk space, then run the "
            "same command again; finished work is kept"
        ) from error


def read_journal(path: Path, record: type[R]) -> tuple[R, ...]:
    """Finished units of a journal; a torn last line is cut off from the file and forgotten.

    Raises:
        StoreError: A line before the last one does not fit.
    """
    if not path.exists():
        return ()
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        write_bytes(path, whole)
    return _lines(path, whole, record)


def peek_journal(path: Path, record: type[R]) -> tuple[R, ...]:
    """As ``read_journal``, but nothing is cut off: another run may be writing the last line.

    Raises:
        StoreError: A line before the last one does not fit.
    """
    content = path.read_bytes() if path.exists() else b""
    return _lines(path, content[: content.rfind(b"\n") + 1], record)


def _lines(path: Path, whole: bytes, record: type[R]) -> tuple[R, ...]:
    try:
        return tuple(
            record.parse_json(line, where=f"{path}:{number}")
            for number, line in enumerate(whole.split(b"\n")[:-1], 1)
        )
    except ValueError as error:
        raise StoreError(f"{error}; delete the journal to start the partition afresh") from error


@contextmanager
def partition_lock(layout: Layout, asset: str, partition: str) -> Iterator[None]:
    """Hold one partition for the time of the block; released by the system when killed.

    Whoever holds it first sweeps what killed runs left in the scratch folder.

    Raises:
        BusyError: Another process or thread holds it.
    """
    layout.locks.mkdir(parents=True, exist_ok=True)
    path = layout.locks / f"{asset}--{partition.replace('|', '--')}.lock"
    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise BusyError(
            f"{asset} of {partition} is being made by another run ({path} is held): wait for it, "
            "or end that run, then start this one again"
        ) from error
    try:
        sweep(layout.scratch)
        yield
    finally:
        lock.release()
