"""Rows of a SQLite table as Arrow tables, by a driver in C that makes no Python object of a value.

The driver tells a column's type from the first values that it meets. A row of the declared types
stands before all others, so that a column that is NULL throughout has a type too, and so that a
value of another type is an error, or gives the column another type. Two exchanges it would make
without a word, texts and bytes for each other; those are asked for in SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import adbc_driver_manager
import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.compute as pc

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.columns import REMEDY, Column

_MOST_ROWS = 8192
_BATCH_BYTES = 8 << 20
_TYPICAL = {"integer": "0", "text": "''", "real": "0.5", "blob": "x'00'"}
_EXCHANGED = {"text": "\"{0}\" >= x''", "blob": "typeof(\"{0}\") NOT IN ('blob', 'null')"}
"""Whether bytes stand in a column of texts, than which they are greater, or the other way round."""
_ATTEMPT, _ODD = "attempt_key", "odd"
_BATCH_ROWS_OPTION = "adbc.sqlite.query.batch_rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One table that is being read.

    Attributes:
        place: The database, into which nobody writes meanwhile: it is read without any lock.
        where: Named in errors.
        table: Name of the table. It is declared with the types of ``columns``, so that SQLite
            itself makes texts of numbers in a TEXT column, and reals of integers in a REAL one.
        columns: Its columns, ``id`` first.
        rows: How many rows it holds, or may hold: with the size of the file it bounds what a batch
            takes.
        sources: Key of each merged attempt by its number; empty where nothing was merged.
    """

    place: Path
    where: Path
    table: str
    columns: Sequence[Column]
    rows: int
    sources: dict[int, str]

    def batches(self) -> Iterator[pa.Table]:
        """``attempt_key`` and the columns of the next rows, in the order of ``id``.

        Raises:
            StoreError: A value is not of its column's type; the message names the column. Or the
                database is damaged.
        """
        for number, batch in enumerate(self._batches()):
            # The typical row comes first.
            found = pa.Table.from_batches([batch if number else batch.slice(1)])
            if pc.sum(found.column(_ODD)).as_py() or not self._as_declared(found):
                raise self._refusal("the driver found another type")
            self._require_texts(found)
            attempts = self._attempts(found.column(_ATTEMPT))
            yield found.drop_columns([_ODD]).set_column(0, _ATTEMPT, attempts)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """As the driver gives them."""
        width = max(1, self.place.stat().st_size // max(1, self.rows))
        rows = max(1, min(_MOST_ROWS, _BATCH_BYTES // width))
        try:
            with (
                closing(adbc_driver_sqlite.dbapi.connect(_unlocked(self.place))) as connection,
                closing(connection.cursor()) as cursor,
            ):
                cursor.adbc_statement.set_options(**{_BATCH_ROWS_OPTION: rows})
                cursor.execute(self._sql())
                yield from cursor.fetch_record_batch()
        except (adbc_driver_manager.Error, OSError, pa.ArrowException) as error:
            raise self._refusal(str(error)) from error

    def _sql(self) -> str:
        """The typical row, then all others; names come from the declared columns."""
        mine = f"table_name = '{self.table}' AND home_row = id"
        merged = f"(SELECT source_id FROM merged_rows WHERE {mine})"  # noqa: S608  # a declared name
        attempt = merged if self.sources else "NULL"
        typical = ", ".join(
            f'{_TYPICAL[column.type]} AS "{column.name}"' for column in self.columns
        )
        names = ", ".join(f'"{column.name}"' for column in self.columns)
        mixed = [column for column in self.columns if column.type in _EXCHANGED]
        odd = " OR ".join(_EXCHANGED[column.type].format(column.name) for column in mixed)
        # Without an index the rows lie, and come, in the order of their keys.
        return (
            f"SELECT 0 AS {_ATTEMPT}, {typical}, 0 AS {_ODD} "  # noqa: S608  # as said
            f'UNION ALL SELECT {attempt}, {names}, {odd or 0} FROM "{self.table}" NOT INDEXED'
        )

    def _as_declared(self, found: pa.Table) -> bool:
        arrays = found.columns[1:-1]
        return all(
            array.type == column.field.type and (column.nullable or not array.null_count)
            for column, array in zip(self.columns, arrays, strict=True)
        )

    def _refusal(self, words: str) -> StoreError:
        """Names the first column that holds a value of another type, if that is what is wrong."""
        with closing(sqlite3.connect(_unlocked(self.place), uri=True)) as connection:
            for column in self.columns:
                found = f'upper(typeof("{column.name}")) FROM "{self.table}"'
                # Names come from the declared columns.
                sql = f"SELECT {found} WHERE {_is_odd(column)}"  # as said
                row = connection.execute(sql).fetchone()
                if row:
                    return StoreError(
                        f"{self.where}: column {self.table}.{column.name}: expected "
                        f"{column.words}, found {row[0]} in some row: {REMEDY}"
                    )
        return StoreError(
            f"{self.where}: table {self.table}: could not be read ({words}): the file is damaged; "
            "run the attempt again"
        )

    def _require_texts(self, found: pa.Table) -> None:
        try:
            found.validate(full=True)
        except pa.ArrowInvalid as error:
            column = next(column for column in self.columns if not _is_valid(found, column))
            raise StoreError(
                f"{self.where}: column {self.table}.{column.name}: expected {column.words} in "
                f"UTF-8, found other bytes ({error}): the file is damaged; run the attempt again"
            ) from error

    def _attempts(self, numbers: pa.ChunkedArray) -> pa.ChunkedArray:
        """Keys by number; empty where a row was not merged."""
        known = pa.array(self.sources.keys(), pa.int64())
        keys = pa.array(self.sources.values(), pa.string())
        return pc.fill_null(pc.take(keys, pc.index_in(numbers, value_set=known)), "")


def _unlocked(place: Path) -> str:
    return f"{place.resolve().as_uri()}?mode=ro&immutable=1"


def _is_odd(column: Column) -> str:
    """Whether a value is of another type than its column's."""
    odd = f"typeof(\"{column.name}\") <> '{column.type}'"
    return f'("{column.name}" IS NOT NULL AND {odd})' if column.nullable else odd


def _is_valid(found: pa.Table, column: Column) -> bool:
    try:
        found.column(column.name).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
