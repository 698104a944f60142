"""The tables of the agent's raw database, as far as they must be known to be read and merged.

Column names only: types, defaults and indexes are taken from the database that is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cra_pipeline.errors import StoreError

ANOTHER_VERSION = (
    "the database belongs to another version of the agent or to another program; "
    "run the attempt again with the agent that doctor names"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the agent.

    Attributes:
        name: As the agent calls it.
        columns: All but the key ``id``.
        links: Columns that hold the ``id`` of a row, with the table of that row.
        settled_later: Columns that the agent changes after it wrote the row.
        owns_task: Whether a ``task_id`` in it belongs to one attempt and no other.
    """

    name: str
    columns: tuple[str, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    settled_later: frozenset[str] = frozenset()
    owns_task: bool = False

    @property
    def every_column(self) -> tuple[str, ...]:
        """The key, then the other columns."""
        return ("id", *self.columns)


def _table(
    name: str,
    columns: str,
    *,
    links: Mapping[str, str] | None = None,
    settled_later: str = "",
    owns_task: bool = False,
) -> Table:
    return Table(
        name=name,
        columns=tuple(columns.split()),
        links=links or {},
        settled_later=frozenset(settled_later.split()),
        owns_task=owns_task,
    )


TABLES = (
    _table("index_runs", "repo_path files_scanned files_changed duration_ms status timestamp"),
    _table(
        "enrichment_outputs",
        "task_id file_id file_path model purpose module domain concepts public_api_surface "
        "complexity_notes system_prompt raw_prompt raw_response promoted timestamp thinking "
        "prompt_tokens completion_tokens latency_ms",
        settled_later="promoted",
    ),
    _table(
        "retrieval_llm_calls",
        "task_id call_type stage_name model system_prompt prompt response prompt_tokens "
        "completion_tokens latency_ms timestamp thinking sub_stage",
    ),
    _table(
        "retrieval_decisions",
        "task_id stage file_id symbol_id detail_level tier included reason timestamp",
    ),
    _table(
        "task_runs",
        "task_id repo_path mode execute_model context_window reserved_tokens stages plan_artifact "
        "success total_tokens total_latency_ms final_diff final_plan timestamp",
        settled_later="success total_tokens total_latency_ms final_diff final_plan",
        owns_task=True,
    ),
    _table(
        "run_attempts",
        "task_run_id attempt prompt_tokens completion_tokens latency_ms raw_response "
        "patch_applied timestamp",
        links={"task_run_id": "task_runs"},
        settled_later="patch_applied",
    ),
    _table(
        "validation_results",
        "attempt_id success test_output lint_output type_check_output failing_tests",
        links={"attempt_id": "run_attempts"},
    ),
    _table("session_archives", "task_id session_blob archived_at"),
    _table(
        "orchestrator_runs",
        "task_id repo_path task_description total_parts total_steps parts_completed "
        "steps_completed status timestamp completed_at git_branch git_base_ref error_message",
        settled_later="total_parts total_steps parts_completed steps_completed status "
        "completed_at error_message",
        owns_task=True,
    ),
    _table(
        "orchestrator_passes",
        "orchestrator_run_id task_run_id pass_type part_id step_id sequence_order timestamp "
        "commit_sha",
        links={"orchestrator_run_id": "orchestrator_runs", "task_run_id": "task_runs"},
        settled_later="commit_sha",
    ),
    _table("audit_events", "task_id component event_type item_path detail timestamp"),
    _table(
        "training_plans",
        "task_id target_stage base_model source data_criteria hyperparameters "
        "improvement_targets raw_plan timestamp",
        owns_task=True,
    ),
    _table(
        "training_datasets",
        "training_plan_id stage_name base_model source dataset_path example_count "
        "positive_count negative_count format timestamp",
        links={"training_plan_id": "training_plans"},
    ),
    _table(
        "adapter_registry",
        "dataset_id stage_name base_model model_tag training_loss eval_metrics deployed trained_at",
        links={"dataset_id": "training_datasets"},
        settled_later="deployed",
    ),
)
"""Every table; one that is linked to comes before those that link to it."""


def tables_in(connection: sqlite3.Connection) -> frozenset[str]:
    """Names of all tables but SQLite's own."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return frozenset(name for (name,) in found if not name.startswith("sqlite_"))


def require_schema(
    connection: sqlite3.Connection,
    where: Path,
    *,
    tables: Iterable[Table] = TABLES,
    also: Collection[str] = (),
) -> None:
    """Refuse a database whose tables are not exactly those of the agent.

    Args:
        connection: Open on it.
        where: Named in the error.
        tables: All that are expected; columns of these are compared.
        also: Further tables that may be there.

    Raises:
        StoreError: A table or column is missing or unknown; the message names it.
    """
    expected = {table.name: table for table in tables}
    found = tables_in(connection)
    for name in sorted((found ^ set(expected)) - set(also)):
        state = "is unknown" if name in found else "is missing"
        raise StoreError(f"{where}: table {name} {state}: {ANOTHER_VERSION}")
    for table in expected.values():
        columns = {
            row[0]
            for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table.name,))
        }
        for column in sorted(columns ^ set(table.every_column)):
            state = "is unknown" if column in columns else "is missing"
            raise StoreError(f"{where}: column {table.name}.{column} {state}: {ANOTHER_VERSION}")
