"""Rows of the agent's table ``training_datasets``, which it leaves to the pipeline to fill."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cra_pipeline.integrations.raw_db.merge import OWN_TABLES
from cra_pipeline.integrations.raw_db.opening import at_once, writable
from cra_pipeline.integrations.raw_db.schema import require_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredDataset:
    """One dataset as the agent's database knows it.

    Attributes:
        plan: ``task_id`` of the training plan that asked for it; a plan of this name is written
            where there is none, because the agent's schema demands one.
        criteria: JSON of what was asked for.
        stage: The adapter kind.
        base_model: The agent's role: ``coding``, ``reasoning`` or ``classifier``.
        source: ``logged``, ``synthetic`` or ``harness``: where most rows come from.
        path: Of the file below the workspace, ``@`` and the first digits of its content id.
        examples: Rows.
        positive: Rows that answer yes, or show what to do.
        negative: Rows that answer no, or show what not to do.
    """

    plan: str
    criteria: str
    stage: str
    base_model: str
    source: str
    path: str
    examples: int
    positive: int
    negative: int


def register(home: Path, dataset: RegisteredDataset) -> bool:
    """Enter a dataset once, however often it is asked.

    Returns:
        Whether it is entered; False where this workspace has no agent's database yet.

    Raises:
        StoreError: The database is damaged, held too long, or of another schema.
    """
    if not home.exists():
        return False
    with writable(home) as connection, at_once(connection):
        require_schema(connection, home, also=OWN_TABLES)
        known = connection.execute(
            "SELECT id FROM training_datasets WHERE stage_name = ? AND dataset_path = ?",
            (dataset.stage, dataset.path),
        ).fetchone()
        if known is None:
            _insert(connection, dataset, _plan(connection, dataset))
    return True


def _plan(connection: sqlite3.Connection, dataset: RegisteredDataset) -> int:
    known = connection.execute(
        "SELECT id FROM training_plans WHERE task_id = ? AND target_stage = ? ORDER BY id DESC",
        (dataset.plan, dataset.stage),
    ).fetchone()
    if known is not None:
        return int(known[0])
    words = json.dumps({"note": "no training plan was made; curated with the default rules"})
    values = (dataset.plan, dataset.stage, dataset.base_model, dataset.source, dataset.criteria)
    row = connection.execute(
        "INSERT INTO training_plans (task_id, target_stage, base_model, source, data_criteria, "
        "raw_plan, timestamp) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*values, words, _now()),
    )
    return int(row.lastrowid or 0)


def _insert(connection: sqlite3.Connection, dataset: RegisteredDataset, plan: int) -> None:
    connection.execute(
        "INSERT INTO training_datasets (training_plan_id, stage_name, base_model, source, "
        "dataset_path, example_count, positive_count, negative_count, format, timestamp) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'jsonl', ?)",
        (
            plan,
            dataset.stage,
            dataset.base_model,
            dataset.source,
            dataset.path,
            dataset.examples,
            dataset.positive,
            dataset.negative,
            _now(),
        ),
    )


def _now() -> str:
    # As the agent writes its own: aware, in UTC, with microseconds.
    return datetime.now(UTC).isoformat(timespec="microseconds")
