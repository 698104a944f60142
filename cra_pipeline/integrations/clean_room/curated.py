"""The agent's index of a tree: read for its symbols, completed before an attempt.

Only the tables named here are touched, and only in a copy that belongs to one task.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cra_pipeline.contracts.calls import IndexedSymbol
from cra_pipeline.errors import AgentError

LARGE_FILE = 40_000
"""Bytes. In larger files an excerpt of a documented symbol ends behind its docstring, and the
body that is to be edited is missing; without docstring rows it is shown."""

Description = tuple[str, str, str, str, str, str, str]
"""Path, then purpose, module, domain, concepts, public interface and notes on complexity."""


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    # Foreign code ran where this file was written.
    try:
        place = f"{database.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA cell_size_check=ON")
            # The agent opens it read-only, where a change of mode would fail.
            connection.execute("PRAGMA journal_mode=WAL")
            with connection:
                yield connection
    except (sqlite3.Error, ValueError) as error:
        # A record refuses rows of other types than the agent's.
        raise AgentError(
            f"{database}: the agent's index cannot be used ({error}): it is damaged or of another "
            "schema; delete its folder and run the campaign again"
        ) from error


def indexed_paths(database: Path) -> tuple[str, ...]:
    """Every file of the project that the agent indexed, sorted.

    Raises:
        AgentError: Damaged, or of another schema.
    """
    with _opened(database) as connection:
        rows = connection.execute(
            "SELECT path FROM files WHERE file_source = 'project' ORDER BY path"
        ).fetchall()
    return tuple(str(path) for (path,) in rows)


def indexed_symbols(database: Path) -> tuple[IndexedSymbol, ...]:
    """The agent's symbol table, sorted by path and line.

    Raises:
        AgentError: Damaged, or of another schema.
    """
    with _opened(database) as connection:
        rows = connection.execute(
            "SELECT f.path, s.name, s.kind, s.start_line, s.end_line FROM symbols s "
            "JOIN files f ON f.id = s.file_id WHERE f.file_source = 'project' "
            "ORDER BY f.path, s.start_line, s.end_line, s.name"
        ).fetchall()
        return tuple(
            IndexedSymbol(path=path, name=name, kind=kind, start_line=start, end_line=end)
            for path, name, kind, start, end in rows
        )


def complete_index(database: Path, descriptions: Iterable[Description]) -> None:
    """Drop docstring rows of large files and store descriptions of files.

    Args:
        database: Changed in place.
        descriptions: Of files of the base tree; paths that are not indexed are overlooked.

    Raises:
        AgentError: Damaged, or of another schema.
    """
    with _opened(database) as connection:
        connection.execute(
            "DELETE FROM docstrings WHERE file_id IN (SELECT id FROM files WHERE size_bytes > ?)",
            (LARGE_FILE,),
        )
        for path, *words in descriptions:
            connection.execute(
                "INSERT OR REPLACE INTO file_metadata (file_id, purpose, module, domain, concepts, "
                "public_api_surface, complexity_notes) SELECT id, ?, ?, ?, ?, ?, ? FROM files "
                "WHERE path = ? AND file_source = 'project'",
                (*words, path),
            )
