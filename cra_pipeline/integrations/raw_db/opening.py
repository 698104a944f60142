"""Opens a raw database without standing in an agent's way, and says clearly what is wrong with it.

The agent waits five seconds for a lock. Readers take none that it would notice; a merge prepares
everything before it takes the only one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.schema import require_schema

WAIT_S = 60.0
"""How long a lock of another process is waited for."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's words about ``path`` into an error that says what to do.

    Raises:
        StoreError: SQLite failed.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}: {_remedy(error)}") from error


def _remedy(error: sqlite3.Error) -> str:
    words = str(error)
    if "not a database" in words:
        return "expected a SQLite database of the agent; another program wrote this file"
    if "malformed" in words:
        return "the file is truncated or damaged; run the attempt again"
    if "locked" in words or "busy" in words:
        return f"another process held it for {WAIT_S:.0f} s; wait for it and run again"
    if "full" in words:
        return "free disk space, then run again; finished work is kept"
    return "check that the file and its folder can be read and written, then run again"


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold one unchanging view of an agent's database, whoever writes into it meanwhile.

    Raises:
        StoreError: Missing, damaged, no database, or of another schema.
    """
    if not path.is_file():
        raise StoreError(f"{path}: missing; the agent writes it while it works: run the attempt")
    with explained(path), closing(_connected(f"{path.resolve().as_uri()}?mode=ro")) as connection:
        connection.execute("BEGIN")
        require_schema(connection, path)
        yield connection


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold a private copy of an agent's database as of one moment; it vanishes at the end.

    Raises:
        StoreError: Missing, damaged, no database, or of another schema.
    """
    if not path.is_file():
        raise StoreError(f"{path}: missing; the agent writes it while it works: run the attempt")
    with explained(path), closing(_connected(":memory:")) as copy:
        with closing(_connected(f"{path.resolve().as_uri()}?mode=ro")) as source:
            source.backup(copy)
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(
                f"{path}: {' '.join(verdict.split())}: the file is truncated or damaged; "
                "run the attempt again"
            )
        require_schema(copy, path)
        yield copy


@contextmanager
def writable(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the home database, made where there is none.

    Raises:
        StoreError: It cannot be opened, written or is no database.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}: mend the folder, then run again") from error
    with explained(path), closing(_connected(f"{path.resolve().as_uri()}?mode=rwc")) as connection:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


@contextmanager
def at_once(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements of the block or none, alone among writers."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _connected(uri: str) -> sqlite3.Connection:
    # No transactions behind our back: every one is written out.
    return sqlite3.connect(uri, uri=uri.startswith("file:"), timeout=WAIT_S, isolation_level=None)
