"""Rows of ``training_plans``, a table that the agent leaves to us, in the home database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cra_pipeline.integrations.raw_db.merge import OWN_TABLES
from cra_pipeline.integrations.raw_db.opening import at_once, explained, writable
from cra_pipeline.integrations.raw_db.schema import require_schema

_INSERT = """
INSERT INTO training_plans (task_id, target_stage, base_model, source, data_criteria,
    hyperparameters, improvement_targets, raw_plan, timestamp)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FIND = "SELECT id FROM training_plans WHERE task_id = ? AND target_stage = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """One plan for one adapter kind, in the agent's columns.

    Attributes:
        task_id: Names the plan; the same for all its adapter kinds.
        target_stage: The adapter kind.
        base_model: Role of the base model: ``coding``, ``reasoning`` or ``classifier``.
        source: ``logged``, ``synthetic`` or ``harness``.
        data_criteria: JSON.
        hyperparameters: JSON.
        improvement_targets: JSON.
        raw_plan: JSON of the whole entry.
    """

    task_id: str
    target_stage: str
    base_model: str
    source: str
    data_criteria: str
    hyperparameters: str
    improvement_targets: str
    raw_plan: str


def record_plans(home: Path, entries: Sequence[PlanEntry]) -> tuple[int, ...]:
    """Write entries that are not there yet, all or none, and give the ``id`` of each.

    Args:
        home: The workspace's raw database; it must be there.
        entries: In the order of the ids.

    Raises:
        StoreError: The database is damaged, locked or of another schema; it is as before.
    """
    with writable(home) as connection, at_once(connection):
        require_schema(connection, home, also=OWN_TABLES)
        return tuple(_recorded(connection, entry) for entry in entries)


def plan_id(home: Path, task_id: str, target_stage: str) -> int | None:
    """``id`` of an entry, for the datasets that are made from it; None where there is none.

    Raises:
        StoreError: The database is damaged or locked.
    """
    if not home.is_file():
        return None
    uri = f"{home.resolve().as_uri()}?mode=ro"
    with explained(home), closing(sqlite3.connect(uri, uri=True)) as connection:
        row = connection.execute(_FIND, (task_id, target_stage)).fetchone()
    return None if row is None else int(row[0])


def _recorded(connection: sqlite3.Connection, entry: PlanEntry) -> int:
    row = connection.execute(_FIND, (entry.task_id, entry.target_stage)).fetchone()
    if row is not None:
        return int(row[0])
    # As the agent writes times: UTC with microseconds.
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    values = (
        entry.task_id, entry.target_stage, entry.base_model, entry.source, entry.data_criteria,
        entry.hyperparameters, entry.improvement_targets, entry.raw_plan, now,
    )  # fmt: skip
    return int(connection.execute(_INSERT, values).lastrowid or 0)
