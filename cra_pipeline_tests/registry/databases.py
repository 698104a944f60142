"""What the agent's two databases say, read with plain SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from cra_pipeline.contracts.workspace import Layout


def rows(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def active(layout: Layout, stage: str = "scope") -> str:
    """The version that the agent would find for a stage; empty where it finds none."""
    if not _has(layout.curated_db, "adapter_metadata"):
        return ""
    sql = (
        "SELECT model_tag FROM adapter_metadata WHERE stage_name = ? AND active = 1 "
        "ORDER BY version DESC"
    )
    found = rows(layout.curated_db, sql, stage)
    assert len(found) <= 1, f"{stage} has {len(found)} active versions"
    return found[0][0] if found else ""


def marked(layout: Layout, stage: str = "scope") -> str:
    """The version that the raw database marks as deployed; empty where there is none."""
    if not _has(layout.raw_db, "adapter_registry"):
        return ""
    sql = "SELECT model_tag FROM adapter_registry WHERE stage_name = ? AND deployed = 1"
    found = rows(layout.raw_db, sql, stage)
    assert len(found) <= 1, f"{stage} has {len(found)} deployed versions"
    return found[0][0] if found else ""


def _has(path: Path, table: str) -> bool:
    """Whether a database is there with a table; a killed run may have left it without."""
    sql = "SELECT 1 FROM sqlite_master WHERE name = ?"
    return path.exists() and bool(rows(path, sql, table))
