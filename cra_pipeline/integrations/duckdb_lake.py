"""Queries over Parquet files by DuckDB, in memory: nothing is stored, nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

from cra_pipeline.contracts.record import Record
from cra_pipeline.errors import StoreError

R = TypeVar("R", bound=Record)

_SETTINGS = {
    "threads": "2",
    "memory_limit": "1GB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@dataclass(frozen=True, slots=True)
class LakeTable:
    """Files that are one table, and the table's shape, which also stands for no file at all."""

    files: Sequence[Path]
    schema: pa.Schema


class Lake:
    """A connection with one view for each table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, sql: str, record: type[R], **parameters: object) -> tuple[R, ...]:
        """Run one statement and read its rows as records.

        Args:
            sql: A SELECT; values stand in it as ``$name``.
            record: Shape of the rows; the columns bear the names of its fields.
            parameters: Every ``$name`` of the statement.

        Raises:
            StoreError: A file is damaged or of another schema, or the rows are of another shape.
        """
        with _explained():
            cursor = self._connection.execute(sql, parameters or None)
            names = [column[0] for column in cursor.description or ()]
            found = cursor.fetchall()
        try:
            return tuple(
                record.parse_json(
                    json.dumps(dict(zip(names, row, strict=True))), where=f"row {number}"
                )
                for number, row in enumerate(found, 1)
            )
        except ValueError as error:
            raise StoreError(
                f"{error}: the tables are of another version: make them again"
            ) from error


@contextmanager
def opened_lake(tables: Mapping[str, LakeTable]) -> Iterator[Lake]:
    """Hold views over files.

    Args:
        tables: By the name that statements use.

    Raises:
        StoreError: A file is missing, damaged, or its columns are not those of the schema.
    """
    with _explained(), duckdb.connect(":memory:", config=dict(_SETTINGS)) as connection:
        for name, table in tables.items():
            _add(connection, name, table)
        yield Lake(connection)


def _add(connection: duckdb.DuckDBPyConnection, name: str, table: LakeTable) -> None:
    if not table.files:
        connection.from_arrow(table.schema.empty_table()).create(name)
        return
    found = connection.read_parquet([str(path) for path in table.files])
    if found.columns != table.schema.names:
        odd = sorted(set(found.columns) ^ set(table.schema.names)) or found.columns
        raise StoreError(
            f"{table.files[0]}: columns differ at {', '.join(odd)}: expected those of {name}: run "
            "the stage that writes it again"
        )
    found.create_view(name)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        words = str(error).splitlines()[0]
        raise StoreError(f"{words}: run the stage that writes this table again") from error
