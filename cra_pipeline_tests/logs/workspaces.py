"""A small workspace with logs: two attempts of ours in the home database, and a user's own run."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cra_pipeline.contracts.arrow import arrow_schema
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import write_record
from cra_pipeline.integrations.raw_db.merge import merge
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.integrations.raw_db.declared import run_database

TASK_ID = "till-000000000001"
ATTEMPTS = ("a" * 64, "b" * 64)
OUTCOMES = (Outcome.PASSED, Outcome.FAILED)


def sealed(layout: Layout, asset: str, key: str, rows: list[Record], record: type[Record]) -> None:
    """A table with its manifest and a passed check."""
    manifest = seal_table(
        layout, asset, key, rows, record, reasons=[asset] * len(rows), inputs=[], policy="{}"
    )
    write_check(layout, manifest, [])


def attempt(number: int, **changed: object) -> Record:
    """The attempt of a number, passed or failed, by a model."""
    fields = {"attempt_id": ATTEMPTS[number], "task_id": TASK_ID, "repo": "till", "round": "r01"}
    said = {"outcome": OUTCOMES[number], "campaign": "c1", "responder": "tiny"}
    return example(AttemptRow).model_copy(update=fields | said | changed)


def triple(number: int, kind: str = "scope", **changed: object) -> Record:
    """What a model answered in an attempt: ``yes`` where it passed, else ``no``."""
    fields = {
        "triple_id": f"{number}{kind}", "attempt_id": ATTEMPTS[number], "task_id": TASK_ID,
        "repo": "till", "round": "r01", "call_kind": kind, "prompt_source": "logged",
        "prompt_hash": f"{number}{kind}", "system": "Scope?", "prompt": "Task",
        "output": ("yes", "no")[number] if kind == "scope" else "done", "call_number": 0,
        "responder": "tiny", "right_answer": "yes" if kind == "scope" else "",
        "outcome": OUTCOMES[number],
    }  # fmt: skip
    return example(TripleRow).model_copy(update=fields | changed)


def call(number: int, kind: str = "scope", **changed: object) -> dict[str, object]:
    """One line of the gateway's log."""
    fields = {
        "attempt_id": ATTEMPTS[number], "attempt": "k", "number": 0 if kind == "scope" else 1,
        "call_kind": kind, "system": "Scope?" if kind == "scope" else "Edit!", "prompt": "Task",
        "response": ("yes", "no")[number] if kind == "scope" else "done", "thinking": "",
        "prompt_tokens": 90, "completion_tokens": 10, "latency_ms": 5, "responder": "tiny",
        "model": "tiny", "temperature": 0.0, "seed": 0, "finish": "stop", "error": "",
    }  # fmt: skip
    return fields | changed


def write_calls(layout: Layout, key: str, rows: list[dict[str, object]]) -> None:
    """A campaign's calls, compacted."""
    path = layout.partition("attempts", key) / "calls" / "c1.parquet"
    path.parent.mkdir(parents=True)
    schema = pa.schema(
        [pa.field("attempt_id", pa.string(), nullable=False), *arrow_schema(CallRecord)]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def open_rounds(layout: Layout, *names: str, held_out: tuple[str, ...] = ()) -> None:
    """Rounds that list one repository."""
    for number, name in enumerate(names or ("r01",)):
        record = RoundRecord(
            round=name, cut_off=number, pins=(("till", "0" * 40),), held_out=held_out
        )
        write_record(layout.rounds / f"{name}.json", record)


def example_workspace(root: Path) -> Layout:
    """Everything but a snapshot; the user's database lies in ``shop/.clean_room/raw.sqlite``."""
    layout = Layout(root / "home")
    open_rounds(layout)
    sealed(layout, "attempts", "till|r01", [attempt(0), attempt(1)], AttemptRow)
    kinds = ("scope", "implement")
    rows = [triple(number, kind) for number in (0, 1) for kind in kinds]
    sealed(layout, "triples", "till|r01", rows, TripleRow)
    sealed(layout, "preference_pairs", "till|r01", [], PreferencePair)
    source = example(RepoSnapshot).model_copy(update={"repo": "till", "domain": "libraries"})
    sealed(layout, "repo_snapshots", "till", [source], RepoSnapshot)
    write_calls(layout, "till|r01", [call(number, kind) for number in (0, 1) for kind in kinds])
    for number, name in enumerate(ATTEMPTS, 1):
        path = run_database(root / f"agent{number}" / "raw.sqlite", [number], failed=[2])
        merge(path, layout.raw_db, attempt=f"{name}-0123456789ab")
    run_database(root / "shop" / ".clean_room" / "raw.sqlite", [3])
    return layout


def users_database(root: Path) -> str:
    """Path of the user's database."""
    return str(root / "shop" / ".clean_room" / "raw.sqlite")
