"""The way back from a dataset's row to its candidate, call, attempt, task, commit and source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.datasets import CandidateRow, DpoExample, SftExample, candidate
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.takedowns import TraceStep
from cra_pipeline.contracts.tasks import AttemptRow, TaskRow
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.dataset_files import Cell
from cra_pipeline.datasets.stage.holders import INCREMENT, stored_cells
from cra_pipeline.datasets.stage.pools import COLD_START
from cra_pipeline.errors import DatasetError, StoreError
from cra_pipeline.integrations.calls import attempt_calls, has_calls, log_path, table_path
from cra_pipeline.integrations.find import find_row

LEAST_LETTERS = 7
_SHOWN = 12


def trace(layout: Layout, row: str) -> tuple[TraceStep, ...]:
    """Steps from a row back to its source; a step that is not there any more says so.

    A row of several datasets, such as a replayed one, has a step for each.

    Args:
        layout: The workspace.
        row: An ``example_id``, or its first letters, at least seven.

    Raises:
        DatasetError: No dataset has such a row, or several rows begin so.
        StoreError: A file on the way is damaged.
    """
    if len(row) < LEAST_LETTERS:
        raise DatasetError(f"{row!r}: give at least {LEAST_LETTERS} letters of an example_id")
    hits = [hit for cell in stored_cells(layout) for hit in _hits(layout, cell, row)]
    ids = sorted({found.example_id for _, _, found in hits})
    if not ids:
        raise DatasetError(f"{row}: no dataset has such a row: cra-pipeline show datasets")
    if len(ids) > 1:
        raise DatasetError(f"{row}: {len(ids)} rows begin so: {', '.join(ids[:5])}")
    found = hits[0][2]
    rest = _published(layout, found) if not found.origin.sha else _ours(layout, found)
    return (*(_row_step(layout, *hit) for hit in hits), *rest)


def _hits(layout: Layout, cell: Cell, row: str) -> Iterator[tuple[Path, int, CandidateRow]]:
    record = SftExample if cell.form == "sft" else DpoExample
    path = cell.file(layout)
    # Lines are canonical JSON: reading all of them as records would take minutes.
    mark = f'"example_id":"{row}'.encode()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if mark not in line:
                continue
            try:
                found = candidate(record.parse_json(line, where=f"{path}:{number}"))
            except ValueError as error:
                raise StoreError(f"{error}; curate the dataset again") from error
            # The mark may also stand within a text.
            if found.example_id.startswith(row):
                yield path, number, found


def _row_step(layout: Layout, path: Path, number: int, row: CandidateRow) -> TraceStep:
    note = f"{row.call_kind}, {row.label}, {row.origin.source}, first admitted in {row.round}"
    return _step(layout, "row", row.example_id, f"{path}:{number}", note)


def _step(  # noqa: PLR0913  # one argument for each field of the step
    layout: Layout, name: str, key: str, file: Path | str, note: str, *, found: bool = True
) -> TraceStep:
    place = str(file).removeprefix(f"{layout.root}/")
    return TraceStep(step=name, key=key, file=place, found=found, note=note)


def _published(layout: Layout, row: CandidateRow) -> Iterator[TraceStep]:
    folder = layout.partition(COLD_START, "")
    path = folder / f"{row.form}.jsonl"
    mark = f'"example_id":"{row.example_id}"'.encode()
    lines = path.open("rb") if path.exists() else ()
    number = next((at for at, line in enumerate(lines, 1) if mark in line), 0)
    yield _step(
        layout, "candidate", row.example_id, f"{path}:{number}", "cold start", found=number > 0
    )
    origin = row.origin
    note = f"published as {origin.repo}, licence {origin.licence}"
    yield _step(layout, "published", origin.row, origin.row, note)


def _ours(layout: Layout, row: CandidateRow) -> Iterator[TraceStep]:
    yield _candidate_step(layout, row)
    if not row.origin.attempt_ids:
        yield from _commit_steps(layout, row)
        return
    yield _evidence_step(layout, row)
    for at, attempt_id in enumerate(row.origin.attempt_ids):
        yield from _attempt_steps(layout, row, attempt_id, chosen=at == 0)
    yield from _task_steps(layout, row)


def _candidate_step(layout: Layout, row: CandidateRow) -> TraceStep:
    path = layout.table(INCREMENT, row.round)
    found = find_row(path, CandidateRow, "example_id", row.example_id)
    same = found is not None and (found.system, found.prompt, found.answers) == (
        row.system,
        row.prompt,
        row.answers,
    )
    note = "the same texts" if same else "other texts" if found else ""
    return _step(layout, "candidate", row.example_id, path, note, found=found is not None)


def _evidence_step(layout: Layout, row: CandidateRow) -> TraceStep:
    key = f"{row.origin.repo}|{row.round}"
    if row.form == "dpo":
        path = layout.table("preference_pairs", key)
        pair = find_row(path, PreferencePair, "pair_id", row.origin.row)
        return _step(
            layout,
            "pair",
            row.origin.row,
            path,
            pair.reason if pair else "",
            found=pair is not None,
        )
    path = layout.table("triples", key)
    triple = find_row(path, TripleRow, "triple_id", row.origin.row)
    note = f"{triple.call_kind}, {triple.outcome.value}" if triple else ""
    return _step(layout, "triple", row.origin.row, path, note, found=triple is not None)


def _attempt_steps(
    layout: Layout, row: CandidateRow, attempt_id: str, *, chosen: bool
) -> Iterator[TraceStep]:
    key = f"{row.origin.repo}|{row.round}"
    path = layout.table("attempts", key)
    attempt = find_row(path, AttemptRow, "attempt_id", attempt_id)
    if attempt is not None and (row.origin.call_number >= 0 or not chosen):
        yield _call_step(layout, row, key, attempt, chosen=chosen)
    note = ""
    if attempt is not None:
        ending = f"{attempt.outcome.value} {attempt.reason}".rstrip()
        note = f"{attempt.agent} {attempt.configuration}: {ending}"
    yield _step(layout, "attempt", attempt_id, path, note, found=attempt is not None)


def _call_step(
    layout: Layout, row: CandidateRow, key: str, attempt: AttemptRow, *, chosen: bool
) -> TraceStep:
    log = log_path(layout, key, attempt.campaign, attempt.attempt_id)
    path = log if log.exists() else table_path(layout, key, attempt.campaign)
    calls: tuple[CallRecord, ...] = ()
    if has_calls(layout, key, attempt.campaign, attempt.attempt_id):
        calls = attempt_calls(layout, key, attempt.campaign, attempt.attempt_id)
    call = next((item for item in calls if _is_call(item, row, chosen=chosen)), None)
    name = f"{attempt.attempt_id[:_SHOWN]} call {call.number if call else row.origin.call_number}"
    if call is None:
        return _step(layout, "call", name, path, "", found=False)
    same = (call.system, call.prompt) == (row.system, row.prompt)
    note = f"{call.call_kind} by {call.responder or call.model}, prompt " + (
        "equal byte for byte" if same else "DIFFERS from the row's"
    )
    return _step(layout, "call", name, path, note)


def _is_call(call: CallRecord, row: CandidateRow, *, chosen: bool) -> bool:
    # Only the first attempt's call has its number in the row.
    return call.number == row.origin.call_number if chosen else call.prompt == row.prompt


def _task_steps(layout: Layout, row: CandidateRow) -> Iterator[TraceStep]:
    origin = row.origin
    path = layout.table("tasks", origin.repo)
    task = find_row(path, TaskRow, "task_id", origin.task_id)
    note = (task.statement.splitlines() or [""])[0] if task else ""
    yield _step(layout, "task", origin.task_id, path, note, found=task is not None)
    yield from _commit_steps(layout, row)


def _commit_steps(layout: Layout, row: CandidateRow) -> Iterator[TraceStep]:
    origin = row.origin
    path = layout.table("commits", origin.repo)
    commit = find_row(path, CommitRow, "sha", origin.sha)
    note = commit.subject if commit else ""
    yield _step(layout, "commit", origin.sha, path, note, found=commit is not None)
    path = layout.table("repo_snapshots", origin.repo)
    source = find_row(path, RepoSnapshot, "repo", origin.repo)
    note = f"{source.url}, licence {source.licence}" if source else ""
    yield _step(layout, "repository", origin.repo, path, note, found=source is not None)
