"""The agent's index is read as it is, completed where it has to be, refused where it is damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.clean_room.curated import (
    LARGE_FILE,
    complete_index,
    indexed_paths,
    indexed_symbols,
)
from cra_pipeline.integrations.clean_room.stand_in.schema import insert, opened

ABOUT = ("a.py", "Adds prices.", "till", "shop", "price total", "total", "")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two files, one of them large, and one of a library."""
    with opened(tmp_path, "curated") as connection:
        for path, size, source in (
            ("b.py", LARGE_FILE + 1, "project"),
            ("a.py", LARGE_FILE, "project"),
            ("lib.py", 1, "library"),
        ):
            file = insert(
                connection,
                "files",
                repo_id=1,
                path=path,
                language="python",
                content_hash="h",
                size_bytes=size,
                file_source=source,
            )
            insert(connection, "docstrings", file_id=file, content="Words.")
            for line in (5, 1):
                insert(
                    connection,
                    "symbols",
                    file_id=file,
                    name=f"f{line}",
                    kind="function",
                    start_line=line,
                    end_line=line + 2,
                )
    return tmp_path / ".clean_room" / "curated.sqlite"


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def test_files_and_symbols_of_the_project_come_sorted(database: Path) -> None:
    symbols = indexed_symbols(database)

    assert indexed_paths(database) == ("a.py", "b.py")
    assert [(item.path, item.name, item.start_line, item.end_line) for item in symbols] == [
        ("a.py", "f1", 1, 3), ("a.py", "f5", 5, 7), ("b.py", "f1", 1, 3), ("b.py", "f5", 5, 7),
    ]  # fmt: skip


def test_docstrings_of_large_files_alone_are_dropped(database: Path) -> None:
    complete_index(database, ())

    assert rows(
        database,
        "SELECT path FROM docstrings JOIN files ON files.id = docstrings.file_id ORDER BY path",
    ) == [("a.py",), ("lib.py",)]


def test_a_description_is_stored_once_and_others_are_overlooked(database: Path) -> None:
    complete_index(database, [ABOUT, ("nowhere.py", *ABOUT[1:]), ("lib.py", *ABOUT[1:])])
    complete_index(database, [ABOUT])

    assert rows(
        database,
        "SELECT path, purpose, concepts FROM file_metadata JOIN files ON files.id = file_id",
    ) == [("a.py", "Adds prices.", "price total")]


def test_the_mode_stays_what_the_agent_needs_and_no_side_file_is_left(database: Path) -> None:
    complete_index(database, [ABOUT])

    assert rows(database, "PRAGMA journal_mode") == [("wal",)]
    assert not [path.name for path in database.parent.iterdir() if path.name.endswith("-wal")]


def execute(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(sql)
        connection.commit()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no database": lambda place: place.write_bytes(b"hello" * 1000),
    "empty": lambda place: place.write_bytes(b""),
    "missing": lambda place: place.unlink(),
    "cut off": lambda place: place.write_bytes(place.read_bytes()[:5000]),
    "a table is missing": lambda place: execute(place, "DROP TABLE symbols"),
    "a name is bytes": lambda place: execute(place, "UPDATE symbols SET name = x'07'"),
    "a line is a text": lambda place: execute(place, "UPDATE symbols SET start_line = 'one'"),
}


@pytest.mark.parametrize("how", sorted(DAMAGE))
def test_a_damaged_index_is_an_error_of_the_agent(database: Path, how: str) -> None:
    DAMAGE[how](database)
    with pytest.raises(AgentError, match="delete its folder"):
        indexed_symbols(database)
