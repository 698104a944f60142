"""An attempt that is made again leaves the home with the rows of one try alone.

A try that is killed after its database was merged, and before its result was recorded, is made
again; what the first one logged is then no attempt's any more. The key of a merged database is
the attempt's id itself, so a reader that joins ``merged_sources`` to the attempts on record
passes over tries that never got as far.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.merge import MergeReport, content_hash, merge
from cra_pipeline.integrations.raw_db.opening import at_once, snapshot, writable
from cra_pipeline.integrations.raw_db.schema import TABLES, tables_in

_TRY = "-" + "[0-9a-f]" * 12
"""What follows the attempt's id in homes of earlier versions, which kept every try."""


def merge_try(source: Path, home: Path, *, attempt: str) -> MergeReport:
    """Merge the database of an attempt's newest try; what earlier tries left goes first.

    Again with the same content it changes nothing. An agent may be writing into the home. A kill
    in between leaves the home without the attempt, never with half of a try or with two.

    Args:
        source: The try's ``raw.sqlite``; it is only read.
        home: The workspace's ``raw.sqlite``.
        attempt: Id of the attempt.

    Raises:
        StoreError: As ``merge`` does. The earlier tries are gone nevertheless, if the home could
            be written: they are not what the attempt's result came from.
        ValueError: The id is empty.
    """
    try:
        with snapshot(source) as taken:
            digest = content_hash(taken)
    except StoreError:
        forget(home, attempt=attempt)
        raise
    forget(home, attempt=attempt, but=digest)
    return merge(source, home, attempt=attempt)


def forget(home: Path, *, attempt: str, but: str = "") -> int:
    """Remove an attempt's rows from the home, all of them or none.

    Rows of other attempts, and those that an agent wrote there itself, stay.

    Args:
        home: The workspace's ``raw.sqlite``; it may be missing.
        attempt: Id of the attempt.
        but: Content hash of a database whose rows stay.

    Returns:
        The agent's rows that were removed.

    Raises:
        StoreError: The home is damaged, no database, or something else in it refers to the rows.
        ValueError: The id is empty.
    """
    if not attempt:
        raise ValueError("rows are removed by the id of their attempt, found ''")
    if not home.exists():
        return 0
    with writable(home) as connection:
        if "merged_sources" not in tables_in(connection):
            return 0
        with at_once(connection):
            # Equal content under an earlier version's key goes too: it comes back under the id.
            found = connection.execute(
                "SELECT source_id FROM merged_sources WHERE attempt GLOB ? || ? "
                "OR (attempt = ? AND content_hash <> ?)",
                (_literal(attempt), _TRY, attempt, but),
            ).fetchall()
            return sum(_removed(connection, number) for (number,) in found)


def _literal(text: str) -> str:
    """The text as a pattern that matches nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


def _removed(home: sqlite3.Connection, number: int) -> int:
    count = 0
    # What links to a row goes before it.
    for table in reversed(TABLES):
        count += home.execute(
            f'DELETE FROM "{table.name}" WHERE id IN (SELECT home_row FROM merged_rows '  # noqa: S608  # our own name
            "WHERE source_id = ? AND table_name = ?)",
            (number, table.name),
        ).rowcount
    home.execute("DELETE FROM merged_rows WHERE source_id = ?", (number,))
    home.execute("DELETE FROM merged_sources WHERE source_id = ?", (number,))
    return count
