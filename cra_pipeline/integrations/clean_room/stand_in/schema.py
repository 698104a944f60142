"""Both databases: the agent's tables and columns.

``!`` is NOT NULL, ``=x`` a default, ``>t`` a reference to table ``t``. Types follow from the
columns' names, as the agent's own do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

_RAW = """
index_runs repo_path! files_scanned! files_changed! duration_ms! status! timestamp!
enrichment_outputs task_id file_id! file_path model! purpose module domain concepts public_api_surface complexity_notes system_prompt raw_prompt! raw_response! promoted!=0 timestamp! thinking prompt_tokens completion_tokens latency_ms
retrieval_llm_calls task_id! call_type! stage_name model! system_prompt prompt! response! prompt_tokens completion_tokens latency_ms! timestamp! thinking sub_stage
retrieval_decisions task_id! stage! file_id! symbol_id detail_level tier included! reason timestamp!
task_runs task_id!* repo_path! mode! execute_model! context_window! reserved_tokens! stages! plan_artifact success total_tokens total_latency_ms final_diff final_plan timestamp!
run_attempts task_run_id!>task_runs attempt! prompt_tokens completion_tokens latency_ms! raw_response! patch_applied! timestamp!
validation_results attempt_id!>run_attempts success! test_output lint_output type_check_output failing_tests
orchestrator_runs task_id!* repo_path! task_description! total_parts total_steps parts_completed!=0 steps_completed!=0 status! timestamp! completed_at git_branch git_base_ref error_message
orchestrator_passes orchestrator_run_id!>orchestrator_runs task_run_id>task_runs pass_type! part_id step_id sequence_order! timestamp! commit_sha
session_archives task_id! session_blob! archived_at!
audit_events task_id component! event_type! item_path detail timestamp!
training_plans task_id! target_stage! base_model! source!='logged' data_criteria! hyperparameters improvement_targets raw_plan! timestamp!
training_datasets training_plan_id!>training_plans stage_name! base_model! source!='logged' dataset_path! example_count! positive_count! negative_count! format!='jsonl' timestamp!
adapter_registry dataset_id!>training_datasets stage_name! base_model! model_tag! training_loss eval_metrics deployed!=0 trained_at!
"""  # noqa: E501  # a table a line
_CURATED = """
repos path!* remote_url indexed_at!
files repo_id!>repos path! language! content_hash! size_bytes! file_source!='project'
symbols file_id!>files name! kind! start_line! end_line! signature parent_symbol_id>symbols
dependencies source_file_id!>files target_file_id!>files kind!
symbol_references caller_symbol_id!>symbols callee_symbol_id!>symbols reference_kind!
docstrings symbol_id>symbols file_id!>files content! format parsed_fields
file_metadata file_id* purpose module domain concepts public_api_surface complexity_notes
adapter_metadata stage_name! base_model! model_tag! version!=1 active!=1 performance_notes deployed_at!
"""  # noqa: E501  # a table a line

_WHOLE = """
deployed promoted duration_ms files_changed files_scanned sequence_order parts_completed total_parts
steps_completed total_steps included attempt patch_applied context_window reserved_tokens success
total_latency_ms total_tokens example_count negative_count positive_count prompt_tokens latency_ms
completion_tokens size_bytes start_line end_line version active
"""
_OTHERS = {"training_loss": "REAL", "session_blob": "BLOB"}


def now() -> str:
    """The time as the databases hold it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@contextmanager
def opened(repo: Path, name: str) -> Iterator[sqlite3.Connection]:
    """``raw`` or ``curated``, made where it is not there; every statement is kept at once."""
    folder = repo / ".clean_room"
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / f"{name}.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        for line in (_RAW if name == "raw" else _CURATED).strip().split("\n"):
            table, *columns = line.split()
            text = ", ".join(["id INTEGER PRIMARY KEY", *map(_column, columns)])
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({text})")
        yield connection


def _column(told: str) -> str:
    name, _, target = told.partition(">")
    name, _, default = name.partition("=")
    bare = name.rstrip("!*")
    words = [bare, _type(bare, references=bool(target))]
    words += ["NOT NULL"] if "!" in name else []
    words += ["UNIQUE"] if "*" in name else []
    words += [f"DEFAULT {default}"] if default else []
    words += [f"REFERENCES {target}(id)"] if target else []
    return " ".join(words)


def _type(name: str, *, references: bool) -> str:
    if name in _OTHERS:
        return _OTHERS[name]
    # The task's id is a text, all other keys of rows are numbers.
    key = name.endswith("_id") and name not in {"task_id", "part_id", "step_id"}
    return "INTEGER" if references or key or name in _WHOLE.split() else "TEXT"


def insert(connection: sqlite3.Connection, table: str, **values: object) -> int:
    """Add a row; columns that are not named stay as the table has them."""
    marks = ", ".join("?" * len(values))
    sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608  # our own names
    return int(connection.execute(sql, tuple(values.values())).lastrowid or 0)


def update(connection: sqlite3.Connection, table: str, row: int, **values: object) -> None:
    """Change columns of a row."""
    told = ", ".join(f"{name} = ?" for name in values)
    connection.execute(
        f"UPDATE {table} SET {told} WHERE id = ?",  # noqa: S608  # our own names
        (*values.values(), row),
    )
