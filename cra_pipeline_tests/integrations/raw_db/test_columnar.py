"""Whatever SQLite holds comes out as Arrow, value by value."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.columnar import Reading
from cra_pipeline.integrations.raw_db.columns import Column

COLUMNS = (
    Column("id", "integer", nullable=False),
    Column("number", "integer", nullable=True),
    Column("words", "text", nullable=True),
    Column("share", "real", nullable=True),
    Column("blob", "blob", nullable=True),
)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
rows_of_all_kinds = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | texts,
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.binary(max_size=20),
    ),
    max_size=30,
)


@contextmanager
def table(rows: list[tuple[object, ...]]) -> Iterator[sqlite3.Connection]:
    """A database on disk; what is changed in it is seen at once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(Path(folder) / "raw.sqlite", isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, number INTEGER, words TEXT, share REAL, "
            "blob BLOB)"
        )
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO t (number, words, share, blob) VALUES (?, ?, ?, ?)", rows
        )
        connection.execute("COMMIT")
        yield connection


def reading(
    connection: sqlite3.Connection, columns: tuple[Column, ...] = COLUMNS, **sources: str
) -> Reading:
    ((_, _, place),) = connection.execute("PRAGMA database_list")
    (rows,) = connection.execute("SELECT count(*) FROM t").fetchone()
    return Reading(
        place=Path(place),
        where=Path("raw.sqlite"),
        table="t",
        columns=columns,
        rows=rows,
        sources=dict(enumerate(sources.values(), 1)),
    )


def read(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return [
        tuple(row.values())
        for batch in reading(connection).batches()
        for row in batch.drop_columns(["attempt_key"]).to_pylist()
    ]


@settings(deadline=None)
@given(rows_of_all_kinds)
def test_every_value_is_what_a_cursor_fetches(rows: list[tuple[object, ...]]) -> None:
    with table(rows) as connection:
        fetched = connection.execute("SELECT * FROM t ORDER BY id").fetchall()

        assert read(connection) == fetched


@pytest.mark.parametrize("words", ["", "a\0b", "\0", "\u00e4\U0001f600", "x" * 70_000])
def test_odd_texts_come_through(words: str) -> None:
    with table([(None, words, None, words.encode())] * 3) as connection:
        found = read(connection)

    assert [row[2] for row in found] == [words] * 3
    assert [row[4] for row in found] == [words.encode()] * 3


def test_batches_follow_each_other_without_gap() -> None:
    with table(
        [(number, "w" * (number % 50), None, None) for number in range(30_000)]
    ) as connection:
        connection.execute("DELETE FROM t WHERE id % 3 = 0")
        batches = [batch.column("id") for batch in reading(connection).batches()]
        expected = [row for (row,) in connection.execute("SELECT id FROM t ORDER BY id")]

    assert len(batches) > 1
    assert [row for batch in batches for row in batch.to_pylist()] == expected


def test_extreme_keys_are_read() -> None:
    with table([]) as connection:
        connection.executemany("INSERT INTO t (id) VALUES (?)", [(-(2**63),), (0,), (2**63 - 1,)])
        keys = [row[0] for row in read(connection)]

    assert keys == [-(2**63), 0, 2**63 - 1]


@pytest.mark.parametrize(
    ("column", "value", "expected", "found"),
    [
        ("number", "many", "INTEGER", "TEXT"),
        ("number", 0.5, "INTEGER", "REAL"),
        ("words", b"\0", "TEXT", "BLOB"),
        ("share", "half", "REAL", "TEXT"),
        ("blob", 7, "BLOB", "INTEGER"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_column(
    column: str, value: object, expected: str, found: str
) -> None:
    with table([(1, "w", 0.5, b"b")]) as connection:
        connection.execute(f"UPDATE t SET {column} = ?", (value,))  # noqa: S608  # names of a test

        with pytest.raises(StoreError, match=f"t.{column}: expected {expected}, found {found}"):
            read(connection)


def test_null_is_refused_where_it_must_not_be() -> None:
    columns = (COLUMNS[0], Column("words", "text", nullable=False))
    with table([(1, None, None, None)]) as connection:
        source = reading(connection, columns)

        with pytest.raises(StoreError, match=r"t\.words: expected TEXT NOT NULL, found NULL"):
            list(source.batches())


def test_bytes_that_are_no_text_are_refused() -> None:
    with table([(1, "w", None, None)]) as connection:
        connection.execute("UPDATE t SET words = CAST(x'ff' AS TEXT)")

        with pytest.raises(
            StoreError, match=r"t\.words: expected TEXT in UTF-8, found other bytes"
        ):
            read(connection)


def test_rows_bear_the_key_of_their_attempt() -> None:
    with table([(number, None, None, None) for number in range(3)]) as connection:
        connection.execute("CREATE TABLE merged_rows (source_id, table_name, home_row)")
        connection.execute("INSERT INTO merged_rows VALUES (2, 't', 1), (1, 't', 3), (1, 'u', 2)")
        origins = [
            name
            for batch in reading(connection, one="first", two="second").batches()
            for name in batch.column("attempt_key").to_pylist()
        ]

    assert origins == ["second", "", "first"]
