"""The type of every column of the agent's raw database, declared and never guessed from rows.

A database whose tables differ is refused with the first difference: what drifts unseen here would
be trained on later.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.schema import TABLES, tables_in

SqlType = Literal["integer", "text", "real", "blob"]
REMEDY = (
    "the agent that wrote it is of another version, or another program did: run doctor, and "
    "snapshot only databases of the version that it names"
)
_ARROW = {
    "integer": pa.int64(),
    "text": pa.string(),
    "real": pa.float64(),
    "blob": pa.binary(),
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INTEGERS = _names(
    """
    adapter_registry.deployed enrichment_outputs.promoted index_runs.duration_ms
    index_runs.files_changed index_runs.files_scanned orchestrator_passes.sequence_order
    orchestrator_runs.parts_completed orchestrator_runs.steps_completed
    orchestrator_runs.total_parts orchestrator_runs.total_steps retrieval_decisions.included
    run_attempts.attempt run_attempts.patch_applied task_runs.context_window
    task_runs.reserved_tokens task_runs.success task_runs.total_latency_ms task_runs.total_tokens
    training_datasets.example_count training_datasets.negative_count
    training_datasets.positive_count validation_results.success
    """
)
_INTEGERS_ANYWHERE = _names(
    """
    id file_id symbol_id prompt_tokens completion_tokens latency_ms task_run_id
    orchestrator_run_id attempt_id training_plan_id dataset_id
    """
)
_OTHERS: dict[str, SqlType] = {
    "adapter_registry.training_loss": "real",
    "session_archives.session_blob": "blob",
}
_NULLABLE = _names(
    """
    adapter_registry.eval_metrics adapter_registry.training_loss audit_events.detail
    audit_events.item_path audit_events.task_id enrichment_outputs.complexity_notes
    enrichment_outputs.completion_tokens enrichment_outputs.concepts enrichment_outputs.domain
    enrichment_outputs.file_path enrichment_outputs.latency_ms enrichment_outputs.module
    enrichment_outputs.prompt_tokens enrichment_outputs.public_api_surface
    enrichment_outputs.purpose enrichment_outputs.system_prompt enrichment_outputs.task_id
    enrichment_outputs.thinking orchestrator_passes.commit_sha orchestrator_passes.part_id
    orchestrator_passes.step_id orchestrator_passes.task_run_id orchestrator_runs.completed_at
    orchestrator_runs.error_message orchestrator_runs.git_base_ref orchestrator_runs.git_branch
    orchestrator_runs.total_parts orchestrator_runs.total_steps
    retrieval_decisions.detail_level retrieval_decisions.reason retrieval_decisions.symbol_id
    retrieval_decisions.tier retrieval_llm_calls.completion_tokens
    retrieval_llm_calls.prompt_tokens retrieval_llm_calls.stage_name
    retrieval_llm_calls.sub_stage retrieval_llm_calls.system_prompt retrieval_llm_calls.thinking
    run_attempts.completion_tokens run_attempts.prompt_tokens task_runs.final_diff
    task_runs.final_plan task_runs.plan_artifact task_runs.success task_runs.total_latency_ms
    task_runs.total_tokens training_plans.hyperparameters training_plans.improvement_targets
    validation_results.failing_tests validation_results.lint_output
    validation_results.test_output validation_results.type_check_output
    """
)


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column."""

    name: str
    type: SqlType
    nullable: bool

    @property
    def words(self) -> str:
        """As SQL says it, such as ``TEXT NOT NULL``."""
        return self.type.upper() + ("" if self.nullable else " NOT NULL")

    @property
    def field(self) -> pa.Field:
        """As Arrow says it."""
        return pa.field(self.name, _ARROW[self.type], nullable=self.nullable)


def _column(table: str, name: str) -> Column:
    full = f"{table}.{name}"
    integer = name in _INTEGERS_ANYWHERE or full in _INTEGERS
    kind: SqlType = "integer" if integer else _OTHERS.get(full, "text")
    return Column(name, kind, full in _NULLABLE)


COLUMNS = {
    table.name: tuple(_column(table.name, name) for name in table.every_column) for table in TABLES
}
"""Columns of every table in the order of ``schema.TABLES``, the key ``id`` first."""

ORIGIN = (
    pa.field("database", pa.string(), nullable=False),
    pa.field("attempt_key", pa.string(), nullable=False),
)
"""Stand before the agent's columns in a snapshot: name of the database, and the key of the merged
attempt, empty where the agent wrote the row into that database itself."""


def snapshot_schema(table: str) -> pa.Schema:
    """Schema of one table's Parquet copy."""
    return pa.schema([*ORIGIN, *(column.field for column in COLUMNS[table])])


def require_declared(
    connection: sqlite3.Connection, where: Path, *, also: Collection[str] = ()
) -> None:
    """Refuse a database that is not declared here, column by column.

    Args:
        connection: Open on it.
        where: Named in the error.
        also: Further tables that may be there.

    Raises:
        StoreError: Names database, table and column, what was expected and what was found.
    """
    found = tables_in(connection)
    for name in sorted((found ^ set(COLUMNS)) - set(also)):
        expected, seen = ("no such table", "one") if name in found else ("a table", "none")
        raise StoreError(f"{where}: table {name}: expected {expected}, found {seen}: {REMEDY}")
    for table, columns in COLUMNS.items():
        _require_columns(table, columns, _described(connection, table), where)


def _described(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """Words of each column as the database declares it."""
    rows = connection.execute(
        'SELECT name, type, "notnull" OR pk > 0 FROM pragma_table_info(?)', (table,)
    )
    return {
        name: " ".join(filter(None, (_plain(declared), "NOT NULL" if needed else "")))
        for name, declared, needed in rows
    }


def _plain(declared: str) -> str:
    return re.sub(r"\s+", " ", declared).strip().upper()


def _require_columns(
    table: str, columns: tuple[Column, ...], found: dict[str, str], where: Path
) -> None:
    expected = {column.name: column.words for column in columns}
    for name in (*expected, *sorted(set(found) - set(expected))):
        wanted, seen = expected.get(name, "no such column"), found.get(name, "none")
        if wanted != seen:
            raise StoreError(
                f"{where}: column {table}.{name}: expected {wanted}, found {seen or 'no type'}: "
                f"{REMEDY}"
            )
