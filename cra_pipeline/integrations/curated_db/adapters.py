"""Rows of the agent's table ``adapter_metadata``: which version serves a stage. This is the switch.

Nothing else of the database is read or written; where an agent made it, its tables stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.opening import at_once, explained, writable

_TABLE = "adapter_metadata"
_COLUMNS = {
    "id": "INTEGER PRIMARY KEY",
    "stage_name": "TEXT NOT NULL",
    "base_model": "TEXT NOT NULL",
    "model_tag": "TEXT NOT NULL",
    "version": "INTEGER NOT NULL DEFAULT 1",
    "active": "INTEGER NOT NULL DEFAULT 1",
    "performance_notes": "TEXT",
    "deployed_at": "TEXT NOT NULL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedVersion:
    """One version as the agent looks it up.

    Attributes:
        version: Such as ``scope-v3``; the tag under which it is served.
        number: Of the version, from 1: the agent takes the greatest of the active ones.
        base_model: The agent's role: ``coding``, ``reasoning`` or ``classifier``.
        notes: JSON of what its gate measured.
        deployed_at: ISO time in UTC.
    """

    version: str
    number: int
    base_model: str
    notes: str
    deployed_at: str


def switch(curated: Path, stages: Sequence[str], served: ServedVersion | None) -> None:
    """Have one version serve its stages and no other; all stages at once, or none.

    Args:
        curated: The workspace's curated database, made where there is none.
        stages: The agent's stage names.
        served: None where the base alone is to serve.

    Raises:
        StoreError: The database is damaged, held too long, or of another schema; it is as before.
    """
    with writable(curated) as connection, at_once(connection):
        _prepare(connection, curated)
        for stage in stages:
            if served is not None:
                _enter(connection, stage, served)
            connection.execute(
                "UPDATE adapter_metadata SET active = (model_tag = ?) WHERE stage_name = ?",
                ("" if served is None else served.version, stage),
            )


def serving(curated: Path, stages: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Tags of the active versions of each stage, sorted; there is one, or none.

    Raises:
        StoreError: The database is damaged or held too long.
    """
    if not curated.is_file():
        return dict.fromkeys(stages, ())
    uri = f"{curated.resolve().as_uri()}?mode=ro"
    with explained(curated), closing(sqlite3.connect(uri, uri=True)) as connection:
        if not _columns(connection):
            return dict.fromkeys(stages, ())
        return {stage: _active(connection, stage) for stage in stages}


def _active(connection: sqlite3.Connection, stage: str) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT model_tag FROM adapter_metadata WHERE stage_name = ? AND active = 1 "
        "ORDER BY model_tag",
        (stage,),
    )
    return tuple(str(tag) for (tag,) in rows)


def _enter(connection: sqlite3.Connection, stage: str, served: ServedVersion) -> None:
    known = connection.execute(
        "SELECT active FROM adapter_metadata WHERE stage_name = ? AND model_tag = ?",
        (stage, served.version),
    ).fetchone()
    if known is None:
        connection.execute(
            "INSERT INTO adapter_metadata (stage_name, base_model, model_tag, version, active, "
            "performance_notes, deployed_at) VALUES (?, ?, ?, ?, 0, ?, ?)",
            (stage, served.base_model, served.version, served.number, served.notes,
             served.deployed_at),
        )  # fmt: skip
    elif not known[0]:
        connection.execute(
            "UPDATE adapter_metadata SET deployed_at = ? WHERE stage_name = ? AND model_tag = ?",
            (served.deployed_at, stage, served.version),
        )


def _prepare(connection: sqlite3.Connection, curated: Path) -> None:
    if not _columns(connection):
        columns = ", ".join(f"{name} {words}" for name, words in _COLUMNS.items())
        connection.execute(f"CREATE TABLE {_TABLE} ({columns})")
        connection.execute(
            f"CREATE INDEX IF NOT EXISTS idx_adapter_stage_active ON {_TABLE}(stage_name, active)"
        )
    for column in sorted(_columns(connection) ^ set(_COLUMNS)):
        state = "is missing" if column in _COLUMNS else "is unknown"
        raise StoreError(
            f"{curated}: column {_TABLE}.{column} {state}: the database belongs to another version "
            "of the agent or to another program; nothing was changed"
        )


def _columns(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM pragma_table_info(?)", (_TABLE,))
    return {str(name) for (name,) in rows}
