"""Rows of a SQLite table as Arrow batches, without a Python object for any value.

SQLite itself lines the values of a column up, one text for a whole batch, and Arrow takes that
text as its buffer: per value nothing is left to Python, and no driver in C has to be installed.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.columns import REMEDY, Column

_FIRST_ROWS = 256
_MOST_ROWS = 8192
_BATCH_BYTES = 8 << 20
_NULL = -1
"""Stands for the length of a NULL, and for an origin that a row has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One table that is being read.

    Attributes:
        connection: On the database; nobody writes into it meanwhile.
        where: Named in errors.
        table: Name of the table.
        columns: Its columns, ``id`` first.
        sources: Key of each merged attempt by its number; empty where nothing was merged.
    """

    connection: sqlite3.Connection
    where: Path
    table: str
    columns: Sequence[Column]
    sources: dict[int, str]

    def batches(self) -> Iterator[tuple[pa.Array, list[pa.Array]]]:
        """Key of the attempt, and the columns, of the next rows in the order of ``id``.

        Raises:
            StoreError: A value is not of its column's type; the message names the column.
        """
        self.connection.create_function("eight_bytes", 1, _eight_bytes, deterministic=True)
        # Read only while no writer is at work, so keys above the last one are all that is left.
        span, rows = _Span(">= ?", -(2**63), _FIRST_ROWS), _FIRST_ROWS
        wide: set[str] = set()
        while True:
            origin, arrays = self._batch(span, wide)
            count = len(origin)
            if not count:
                return
            yield origin, arrays
            width = max(1, sum(array.nbytes for array in arrays) // count)
            rows = max(1, min(_MOST_ROWS, _BATCH_BYTES // width, rows * 8))
            span = _Span("> ?", arrays[0][count - 1].as_py(), rows)

    def _batch(self, span: _Span, wide: set[str]) -> tuple[pa.Array, list[pa.Array]]:
        """One batch; columns whose texts turn out to be no ASCII are added to ``wide``."""
        parts = (part for column in self.columns for part in _parts(column, wide))
        first = f"sum(odd), group_concat(coalesce(origin, {_NULL}))"
        values = iter(self._selected(span, ", ".join((first, *parts))))
        if next(values):
            raise self._odd(span)
        origin = self._origins(next(values))
        arrays = [self._array(column, values) for column in self.columns]
        if short := {
            column.name for column, array in zip(self.columns, arrays, strict=True) if array is None
        }:
            wide |= short
            return self._batch(span, wide)
        return origin, arrays

    def _selected(self, span: _Span, what: str) -> tuple[object, ...]:
        """Aggregates over the rows of a batch."""
        origin = (
            "(SELECT source_id FROM merged_rows WHERE table_name = ? AND home_row = id)"
            if self.sources
            else "?"
        )
        odd = " OR ".join(_is_odd(column) for column in self.columns)
        sql = (
            # Names come from the declared columns, never from a database.
            f"SELECT {what} FROM (SELECT {origin} AS origin, {odd} AS odd, * "  # noqa: S608  # as said
            f'FROM "{self.table}" WHERE id {span.after} ORDER BY id LIMIT ?)'
        )
        named = self.table if self.sources else None
        found = self.connection.execute(sql, (named, span.last, span.rows)).fetchone()
        return tuple(found)

    def _odd(self, span: _Span) -> StoreError:
        """Names the first column that holds a value of another type."""
        for column in self.columns:
            what = f'max(CASE WHEN {_is_odd(column)} THEN upper(typeof("{column.name}")) END)'
            (found,) = self._selected(span, what)
            if found:
                break
        return StoreError(
            f"{self.where}: column {self.table}.{column.name}: expected {column.words}, found "
            f"{found} in some row: {REMEDY}"
        )

    def _origins(self, numbers: object) -> pa.Array:
        keys = sorted(self.sources)
        names = pa.array(["", *(self.sources[key] for key in keys)], pa.string())
        places = np.searchsorted(np.array(keys, np.int64), _integers(numbers)) + 1
        return names.take(pa.array(np.where(_integers(numbers) == _NULL, 0, places)))

    def _array(self, column: Column, values: Iterator[object]) -> pa.Array | None:
        """Take a column's parts from ``values``; None where the lengths are not those of bytes."""
        mask = None
        if column.nullable and column.type in {"integer", "real"}:
            mask = np.frombuffer(_bytes(next(values)), np.uint8) == ord("1")
        if column.type == "integer":
            return pa.array(_integers(next(values)), pa.int64(), mask=mask)
        if column.type == "real":
            return pa.array(np.frombuffer(_bytes(next(values)), "<f8"), pa.float64(), mask=mask)
        array = _texts(_integers(next(values)), _bytes(next(values)), column)
        if array is None:
            return None
        try:
            array.validate(full=True)
        except pa.ArrowInvalid as error:
            raise StoreError(
                f"{self.where}: column {self.table}.{column.name}: expected {column.words} in "
                f"UTF-8, found other bytes ({error}): the file is damaged; run the attempt again"
            ) from error
        return array


@dataclass(frozen=True, slots=True)
class _Span:
    """Which rows are read next: ``WHERE id <after>``."""

    after: str
    last: int
    rows: int


def _is_odd(column: Column) -> str:
    """Whether a value is of another type than its column's."""
    odd = f"typeof(\"{column.name}\") <> '{column.type}'"
    return f'("{column.name}" IS NOT NULL AND {odd})' if column.nullable else odd


def _parts(column: Column, wide: Collection[str]) -> tuple[str, ...]:
    """Aggregates over one batch of which the column's array is made."""
    name = f'"{column.name}"'
    empty = (f"group_concat({name} IS NULL, '')",) if column.nullable else ()
    if column.type == "integer":
        return (*empty, f"group_concat({f'coalesce({name}, 0)' if column.nullable else name})")
    if column.type == "real":
        return (*empty, f"CAST(group_concat(eight_bytes({name}), '') AS BLOB)")
    # Characters are counted sooner than bytes, and never more: in ASCII they are the same.
    exact = column.name in wide or column.type == "blob"
    length = f"length(CAST({name} AS BLOB))" if exact else f"length({name})"
    return (
        f"group_concat({f'coalesce({length}, {_NULL})' if column.nullable else length})",
        f"CAST(group_concat({name}, '') AS BLOB)",
    )


def _integers(text: object) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.fromstring(str(text), dtype=np.int64, sep=",") if text else np.zeros(0, np.int64)


def _eight_bytes(value: object) -> bytes:
    # SQLite's own decimals lose the last bit of some numbers. What is no number is told elsewhere.
    return struct.pack("<d", value if isinstance(value, float) else 0.0)


def _bytes(found: object) -> bytes:
    if isinstance(found, str):
        return found.encode()
    return found if isinstance(found, bytes) else b""


def _texts(
    lengths: np.ndarray[tuple[int], np.dtype[np.int64]], data: bytes, column: Column
) -> pa.Array | None:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(np.maximum(lengths, 0), out=offsets[1:])
    if offsets[-1] != len(data):
        return None
    here = pa.array(lengths != _NULL)
    missing = int((lengths == _NULL).sum())
    kind = pa.binary() if column.type == "blob" else pa.string()
    buffers = [here.buffers()[1] if missing else None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(kind, len(lengths), buffers, missing)
