"""Whether a database that comes out of the sandbox may be opened and merged.

The agent fills tables that were there when it began. A view or trigger would run here, a changed
definition would be taken over by others, and rows in the tables that it leaves to us would pass
for ours.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from cra_pipeline.integrations.leftovers import prefix_of

_OURS = ("adapter_registry", "training_datasets", "training_plans")
_TEXTS = (
    ("orchestrator_runs", "task_id"),
    ("orchestrator_runs", "status"),
    ("orchestrator_runs", "error_message"),
    ("validation_results", "test_output"),
)
"""Columns that are read as text."""

Definition = tuple[str, str, str, str]
"""Type, name, table and text of one entry of the schema."""


def require_grown(left: bytes, given: bytes | None) -> None:
    """Refuse a database that did not grow out of the one that was given, by rows alone.

    Args:
        left: What came out.
        given: What went in; None where the program makes it, and then it may hold tables and
            indexes of any kind.

    Raises:
        ValueError: It did not, or it is none; the message says what was found.
    """
    with tempfile.TemporaryDirectory(prefix=prefix_of("cra")) as folder:
        found = _definitions(Path(folder) / "left", left)
        strange = sorted(entry[1] for entry in found if entry[0] not in {"table", "index"})
        if strange:
            raise ValueError(f"holds {strange[0][:60]!r}, which is neither table nor index")
        if given is None:
            return
        differing = sorted({entry[1] for entry in found ^ _definitions(Path(folder) / "in", given)})
        if differing:
            raise ValueError(f"{differing[0][:60]!r} is not defined as in the database given")
        _require_rows(Path(folder) / "left")


def _definitions(place: Path, content: bytes) -> frozenset[Definition]:
    place.write_bytes(content)
    try:
        with closing(_opened(place)) as connection:
            rows = connection.execute(
                "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master"
            ).fetchall()
    except sqlite3.Error as error:
        raise ValueError(f"no database that can be read: {error}") from error
    # SQLite's own come and go, such as statistics.
    return frozenset(
        (str(kind), str(name), str(table), str(sql))
        for kind, name, table, sql in rows
        if not str(name).startswith("sqlite_")
    )


def _require_rows(place: Path) -> None:
    try:
        with closing(_opened(place)) as connection:
            present = {
                name for (name,) in connection.execute("SELECT name FROM sqlite_master").fetchall()
            }
            for table in present.intersection(_OURS):
                if connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():  # noqa: S608  # our own names
                    raise ValueError(f"has rows in {table}, which no agent fills")
            for table, column in _TEXTS:
                _require_text(connection, table, column, present)
    except sqlite3.Error as error:
        raise ValueError(f"no database that can be read: {error}") from error


def _require_text(
    connection: sqlite3.Connection, table: str, column: str, present: set[str]
) -> None:
    if table not in present:
        return
    sql = f"SELECT 1 FROM {table} WHERE typeof({column}) NOT IN ('text', 'null') LIMIT 1"  # noqa: S608  # our own names
    if connection.execute(sql).fetchone():
        raise ValueError(f"holds a {table}.{column} that is no text")


def _opened(place: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{place.as_uri()}?mode=ro&immutable=1", uri=True)
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection
