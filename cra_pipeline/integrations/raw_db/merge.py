"""Merges one attempt's raw database into the home, all of it or nothing.

Every merged row has its origin in two tables of our own: ``merged_sources``, one row for each
attempt, and ``merged_rows``, the key that each row had there and has here. A database that has
grown since it was merged is merged again: its rows keep their keys, new ones are added.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.opening import at_once, snapshot, writable
from cra_pipeline.integrations.raw_db.schema import TABLES, Table, require_schema, tables_in

OWN_TABLES = ("merged_sources", "merged_rows")

_OWN = (
    """CREATE TABLE IF NOT EXISTS merged_sources (
        source_id INTEGER PRIMARY KEY,
        attempt TEXT NOT NULL UNIQUE,
        content_hash TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS merged_rows (
        source_id INTEGER NOT NULL REFERENCES merged_sources(source_id),
        table_name TEXT NOT NULL,
        source_row INTEGER NOT NULL,
        home_row INTEGER NOT NULL,
        PRIMARY KEY (source_id, table_name, source_row),
        UNIQUE (table_name, home_row)
    ) WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """What one merge did to the home.

    Attributes:
        attempt: Key of the attempt.
        content_hash: SHA-256 over the rows of its database, in the order of their keys.
        added: Rows that are new in the home, by table; tables without any are absent.
        updated: Rows of an earlier merge that the agent has settled since, by table.
    """

    attempt: str
    content_hash: str
    added: Mapping[str, int] = field(default_factory=dict)
    updated: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MergedSource:
    """One attempt whose database is in the home."""

    attempt: str
    content_hash: str
    rows: int


def merge(source: Path, home: Path, *, attempt: str) -> MergeReport:
    """Merge one attempt's database into the home; again with the same content it adds nothing.

    An agent may be writing into either. The home is made from the source's own definitions
    where there is none. ``file_id`` and ``symbol_id`` stay as they are: they point into the
    attempt's curated database.

    Args:
        source: The attempt's ``raw.sqlite``; it is only read.
        home: The workspace's ``raw.sqlite``.
        attempt: Key of the attempt; never that of another one.

    Raises:
        StoreError: Either is damaged, no database, or of another schema; a row refers to one that
            is missing; a task is in the home already from elsewhere; or the attempt was merged
            from a database that this one did not grow out of. The home is as before.
        ValueError: The key is empty.
    """
    if not attempt:
        raise ValueError("an attempt's database is merged under the attempt's key, found ''")
    with snapshot(source) as taken:
        digest = content_hash(taken)
        with writable(home) as connection, at_once(connection):
            _prepare(connection, home, taken)
            number, merged = _known(connection, attempt)
            if merged == digest:
                return MergeReport(attempt=attempt, content_hash=digest)
            move = _Move(source=source, taken=taken, home=connection, attempt=attempt)
            return move.all(number, digest)


def merged_sources(home: Path) -> tuple[MergedSource, ...]:
    """The attempts in the home, sorted by key; none where nothing was merged yet.

    Raises:
        StoreError: The home is damaged or no database.
    """
    if not home.exists():
        return ()
    with writable(home) as connection:
        if "merged_sources" not in tables_in(connection):
            return ()
        rows = connection.execute(
            "SELECT attempt, content_hash, count(table_name) FROM merged_sources "
            "LEFT JOIN merged_rows USING (source_id) GROUP BY source_id ORDER BY attempt"
        )
        return tuple(MergedSource(*row) for row in rows)


def content_hash(connection: sqlite3.Connection) -> str:
    """SHA-256 over every row in the order of the keys; where pages lie in the file is no matter."""
    digest = hashlib.sha256()
    for table in TABLES:
        digest.update(f"{table.name}\n".encode())
        for row in _rows(connection, table):
            digest.update(repr(row).encode())
            digest.update(b"\n")
    return digest.hexdigest()


def _rows(connection: sqlite3.Connection, table: Table) -> Iterable[tuple[Any, ...]]:
    # Names come from the table above, never from a database.
    columns = ", ".join(f'"{column}"' for column in table.every_column)
    return connection.execute(f'SELECT {columns} FROM "{table.name}" ORDER BY id')  # noqa: S608  # as said


def _prepare(home: sqlite3.Connection, path: Path, taken: sqlite3.Connection) -> None:
    """Make what the home lacks: all of the agent's tables or none, and our own."""
    if not tables_in(home) & {table.name for table in TABLES}:
        definitions = taken.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'index', rowid"
        )
        for (sql,) in definitions.fetchall():
            home.execute(sql)
    for sql in _OWN:
        home.execute(sql)
    require_schema(home, path, also=OWN_TABLES)


def _known(home: sqlite3.Connection, attempt: str) -> tuple[int | None, str]:
    row = home.execute(
        "SELECT source_id, content_hash FROM merged_sources WHERE attempt = ?", (attempt,)
    ).fetchone()
    return (row[0], row[1]) if row else (None, "")


@dataclass(slots=True, kw_only=True)
class _Move:
    """One merge within its transaction."""

    source: Path
    taken: sqlite3.Connection
    home: sqlite3.Connection
    attempt: str
    keys: dict[str, dict[int, int]] = field(default_factory=dict)
    """Key here by key there, by table."""
    added: dict[str, int] = field(default_factory=dict)
    updated: dict[str, int] = field(default_factory=dict)

    def all(self, number: int | None, digest: str) -> MergeReport:
        number = self._number(number, digest)
        self._refuse_strangers(number)
        for table in TABLES:
            self._table(table, number)
        return MergeReport(
            attempt=self.attempt, content_hash=digest, added=self.added, updated=self.updated
        )

    def _number(self, number: int | None, digest: str) -> int:
        if number is None:
            sql = "INSERT INTO merged_sources (attempt, content_hash) VALUES (?, ?)"
            return int(self.home.execute(sql, (self.attempt, digest)).lastrowid or 0)
        sql = "UPDATE merged_sources SET content_hash = ? WHERE source_id = ?"
        self.home.execute(sql, (digest, number))
        return number

    def _refuse_strangers(self, number: int) -> None:
        """No task of this source may be in the home from anywhere else."""
        self.home.execute("CREATE TEMP TABLE IF NOT EXISTS arriving (task_id PRIMARY KEY)")
        for table in (table for table in TABLES if table.owns_task):
            tasks = self.taken.execute(f'SELECT DISTINCT task_id FROM "{table.name}"')  # noqa: S608  # our own name
            self.home.execute("DELETE FROM arriving")
            self.home.executemany("INSERT INTO arriving VALUES (?)", tasks)
            # One look at each table: the home may hold thousands of runs.
            found = self.home.execute(
                "SELECT own.task_id, attempt FROM arriving "  # noqa: S608  # our own name
                f'JOIN "{table.name}" AS own ON own.task_id = arriving.task_id '
                "LEFT JOIN merged_rows ON table_name = ? AND home_row = own.id "
                "LEFT JOIN merged_sources USING (source_id) "
                "WHERE source_id IS NOT ? ORDER BY own.task_id LIMIT 1",
                (table.name, number),
            ).fetchone()
            if found:
                raise self._stranger(f"{table.name}.task_id {found[0]}", found[1])

    def _stranger(self, what: str, attempt: str | None) -> StoreError:
        whence = f"attempt {attempt}" if attempt else "an agent that wrote there itself"
        return StoreError(
            f"{self.source}: {what} of attempt {self.attempt} is in the home already, from "
            f"{whence}: the same database under two keys, or a copied one; merge each attempt's "
            "own database under its own key"
        )

    def _table(self, table: Table, number: int) -> None:
        keys = dict(
            self.home.execute(
                "SELECT source_row, home_row FROM merged_rows WHERE source_id = ? "
                "AND table_name = ?",
                (number, table.name),
            ).fetchall()
        )
        self.keys[table.name] = keys
        gone, fresh = set(keys), []
        for key, *found in _rows(self.taken, table):
            values = self._relinked(table, key, dict(zip(table.columns, found, strict=True)))
            gone.discard(key)
            if key in keys:
                self._settle(table, keys[key], values)
            else:
                keys[key] = self._insert(table, values)
                fresh.append((number, table.name, key, keys[key]))
        if gone:
            raise self._another(f"{table.name} has no row {min(gone)} any more")
        self.home.executemany("INSERT INTO merged_rows VALUES (?, ?, ?, ?)", fresh)
        if fresh:
            self.added[table.name] = len(fresh)

    def _relinked(self, table: Table, key: int, values: dict[str, Any]) -> dict[str, Any]:
        for column, target in table.links.items():
            if values[column] is None:
                continue
            if values[column] not in self.keys[target]:
                raise StoreError(
                    f"{self.source}: {table.name} row {key}: {column} is {values[column]}, but "
                    f"{target} has no such row: the database is damaged; run the attempt again"
                )
            values[column] = self.keys[target][values[column]]
        return values

    def _insert(self, table: Table, values: Mapping[str, Any]) -> int:
        columns = ", ".join(f'"{column}"' for column in values)
        marks = ", ".join("?" * len(values))
        sql = f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608  # our own names
        return int(self.home.execute(sql, tuple(values.values())).lastrowid or 0)

    def _settle(self, table: Table, key: int, values: Mapping[str, Any]) -> None:
        """Bring a row of an earlier merge up to date."""
        columns = ", ".join(f'"{column}"' for column in values)
        sql = f'SELECT {columns} FROM "{table.name}" WHERE id = ?'  # noqa: S608  # our own names
        row = self.home.execute(sql, (key,)).fetchone()
        if row is None:
            raise self._another(f"{table.name} row {key} was deleted from the home")
        changed = [name for name, old in zip(values, row, strict=True) if values[name] != old]
        fixed = sorted(set(changed) - table.settled_later)
        if fixed:
            raise self._another(f"{table.name}.{fixed[0]} of row {key} in the home differs")
        if changed:
            marks = ", ".join(f'"{name}" = ?' for name in changed)
            sql = f'UPDATE "{table.name}" SET {marks} WHERE id = ?'  # noqa: S608  # our own names
            self.home.execute(sql, (*(values[name] for name in changed), key))
            self.updated[table.name] = self.updated.get(table.name, 0) + 1

    def _another(self, what: str) -> StoreError:
        return StoreError(
            f"{self.source}: {what}: attempt {self.attempt} was merged before from a database "
            "that this one did not grow out of; give a repeated attempt a key of its own"
        )
