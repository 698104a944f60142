"""Rows of the agent's table ``adapter_registry``, which it leaves to the pipeline to fill.

A row hangs on the dataset that the adapter was trained on, and that one on a plan: the agent's
schema enforces the chain.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.making import ensure_raw, is_made
from cra_pipeline.integrations.raw_db.opening import at_once, explained, writable
from cra_pipeline.integrations.raw_db.training_datasets import RegisteredDataset, register


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterEntry:
    """One version as both databases know it.

    Attributes:
        version: Such as ``scope-v3``; the tag under which it is served.
        number: Of the version, from 1.
        base_model: The agent's role: ``coding``, ``reasoning`` or ``classifier``.
        dataset: What it was trained on.
        training_loss: As its manifest has it.
        eval_metrics: JSON of what its gate measured.
        trained_at: ISO time in UTC.
    """

    version: str
    number: int
    base_model: str
    dataset: RegisteredDataset
    training_loss: float
    eval_metrics: str
    trained_at: str


def deploy(home: Path, stages: Sequence[str], entry: AdapterEntry | None) -> None:
    """Mark one version as the deployed one of its stages, entered where it is not; all or nothing.

    Args:
        home: The workspace's raw database, made where there is none.
        stages: The agent's stage names that it serves.
        entry: None where no version is to be deployed.

    Raises:
        StoreError: The database is damaged, held too long, or of another schema; it is as before.
    """
    ensure_raw(home)
    if entry is not None:
        register(home, entry.dataset)
    with writable(home) as connection, at_once(connection):
        for stage in stages:
            tag = "" if entry is None else entry.version
            if entry is not None:
                _enter(connection, home, stage, entry)
            connection.execute(
                "UPDATE adapter_registry SET deployed = (model_tag = ?) WHERE stage_name = ?",
                (tag, stage),
            )


def deployed(home: Path, stages: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Tags of the deployed versions of each stage, sorted; there is one, or none.

    Raises:
        StoreError: The database is damaged or held too long.
    """
    if not home.is_file():
        return dict.fromkeys(stages, ())
    uri = f"{home.resolve().as_uri()}?mode=ro"
    with explained(home), closing(sqlite3.connect(uri, uri=True)) as connection:
        if not is_made(connection):
            return dict.fromkeys(stages, ())
        return {stage: _tags(connection, stage) for stage in stages}


def _tags(connection: sqlite3.Connection, stage: str) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT model_tag FROM adapter_registry WHERE stage_name = ? AND deployed = 1 "
        "ORDER BY model_tag",
        (stage,),
    )
    return tuple(str(tag) for (tag,) in rows)


def _enter(connection: sqlite3.Connection, home: Path, stage: str, entry: AdapterEntry) -> None:
    known = connection.execute(
        "SELECT id FROM adapter_registry WHERE stage_name = ? AND model_tag = ?",
        (stage, entry.version),
    ).fetchone()
    if known is not None:
        return
    row = connection.execute(
        "SELECT id FROM training_datasets WHERE stage_name = ? AND dataset_path = ?",
        (entry.dataset.stage, entry.dataset.path),
    ).fetchone()
    if row is None:
        raise StoreError(
            f"{home}: training_datasets lost {entry.dataset.path} between two steps: another "
            "program removed it; run the same command again"
        )
    connection.execute(
        "INSERT INTO adapter_registry (dataset_id, stage_name, base_model, model_tag, "
        "training_loss, eval_metrics, deployed, trained_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
        (
            row[0],
            stage,
            entry.base_model,
            entry.version,
            entry.training_loss,
            entry.eval_metrics,
            entry.trained_at,
        ),
    )
