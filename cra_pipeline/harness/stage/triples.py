"""Triples: what was asked and answered in every attempt, labelled, stored and checked."""

from __future__ import annotations

from collections.abc import Iterator

from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.tasks import AttemptRow, TaskRow
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness import check
from cra_pipeline.harness.records import Trace
from cra_pipeline.harness.stage.adopted import trace_path
from cra_pipeline.harness.stage.workshops import ATTEMPTS, TASKS, TRIPLES, workshop
from cra_pipeline.harness.triples import distinct
from cra_pipeline.integrations.calls import attempt_calls
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_record, read_table


def label_triples(layout: Layout, repo: str, round_name: str) -> StageReport:
    """One triple for each call of an attempt, and one for each attempt that made none.

    Raises:
        CheckError: Attempts or tasks are not ready.
        BusyError: Another run is at work on this partition.
        StoreError: A trace or table is missing or damaged.
    """
    key = f"{repo}|{round_name}"
    with partition_lock(layout, TRIPLES, key):
        inputs = [require_checked(layout, ATTEMPTS, key), require_checked(layout, TASKS, repo)]
        unsaid: list[str] = []
        rows = distinct(_said(layout, repo, key, unsaid))
        manifest = seal_table(
            layout, TRIPLES, key, rows, TripleRow,
            reasons=[*(f"{row.call_kind}: {row.outcome.value}" for row in rows), *unsaid],
            inputs=inputs, policy="{}",
        )  # fmt: skip
    preview = tuple(
        {"task": row.task_id, "call": row.call_kind, "outcome": row.outcome.value}
        for row in rows[:20]
    )
    return StageReport(manifest=manifest, preview=preview)


def _said(layout: Layout, repo: str, key: str, unsaid: list[str]) -> Iterator[TripleRow]:
    """Triples of all attempts; who said nothing is added to ``unsaid``."""
    tasks = {row.task_id: row for row in read_table(layout.table(TASKS, repo), TaskRow)}
    shop = workshop(layout, repo, None)
    for attempt in read_table(layout.table(ATTEMPTS, key), AttemptRow):
        trace = read_record(trace_path(layout, key, attempt.attempt_id), Trace)
        calls = (
            attempt_calls(layout, key, attempt.campaign, attempt.attempt_id)
            if attempt.calls
            else ()
        )
        if attempt.campaign and not calls:
            unsaid.append(f"{attempt.agent}: no calls")
            continue
        try:
            yield from shop.triples(tasks[attempt.task_id], trace, calls)
        except ValueError:
            unsaid.append(f"{attempt.agent}: no form as edits")


def check_triples(layout: Layout, repo: str, round_name: str) -> CheckReport:
    """Judge the triples on disk and store the result.

    Raises:
        StoreError: A table is missing or damaged.
    """
    key = f"{repo}|{round_name}"
    manifest = read_record(layout.manifest(TRIPLES, key), AssetManifest)
    rows = read_table(layout.table(TRIPLES, key), TripleRow)
    attempts = read_table(layout.table(ATTEMPTS, key), AttemptRow)
    return write_check(layout, manifest, check.triple_findings(rows, attempts, rows=manifest.rows))
