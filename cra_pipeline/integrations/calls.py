"""Request logs of attempts: one appended file each while they run, one table when all are done.

While a try lasts, it appends to ``calls/<campaign>/<attempt id>/calls.<pid>-<8 hex>.part.jsonl``;
when it is done, that becomes ``calls.jsonl`` beside it, in the place of an earlier try's. A kill
leaves the part, which nobody takes for an attempt's calls: what it cost can be read there until
the attempt has been made again. ``calls/<campaign>.parquet`` is what remains. Latencies are in
both and in no content id.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cra_pipeline.contracts.arrow import arrow_schema
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.gateway.log import read_calls

_LOG = "calls.jsonl"
_ATTEMPT = "attempt_id"


def _folder(layout: Layout, partition: str) -> Path:
    return layout.partition("attempts", partition) / "calls"


def log_path(layout: Layout, partition: str, campaign: str, attempt_id: str) -> Path:
    """Where an attempt's log is appended."""
    return _folder(layout, partition) / campaign / attempt_id / _LOG


def try_path(log: Path) -> Path:
    """Where one try of an attempt is logged while it lasts: ``calls.<pid>-<8 hex>.part.jsonl``.

    Args:
        log: The attempt's own log, of which the try's lies beside.
    """
    return log.with_name(f"{log.stem}.{os.getpid()}-{secrets.token_hex(4)}.part{log.suffix}")


def settle_try(part: Path, log: Path) -> None:
    """Make the log of a try that is done the attempt's own, at once; its time of writing stays.

    Args:
        part: As ``try_path`` named it; nothing may be appended any more.
        log: The attempt's own, which may hold the calls of an earlier try.

    Raises:
        StoreError: The folder cannot be written.
    """
    try:
        part.replace(log)
    except OSError as error:
        raise StoreError(
            f"{log}: could not be written ({error.strerror}): mend the folder's rights, then run "
            "the campaign again; finished attempts are kept"
        ) from error


def table_path(layout: Layout, partition: str, campaign: str) -> Path:
    """Where a campaign's logs are compacted."""
    return _folder(layout, partition) / f"{campaign}.parquet"


def compact(layout: Layout, partition: str, campaign: str, attempt_ids: Iterable[str]) -> None:
    """Bring the logs of finished attempts into the campaign's table, one row group for each.

    What is in the table stays, unless there is a log: then the attempt was made again, and the log
    is what counts. Logs are removed once the table is written; a kill in between leaves logs that
    the table holds too, and the next call takes them once more.

    Args:
        layout: The workspace.
        partition: Of the asset ``attempts``.
        campaign: Its id.
        attempt_ids: Finished attempts of the campaign, in the order of the table.

    Raises:
        StoreError: The disk is full, or a log is damaged.
    """
    ids = list(attempt_ids)
    stored = stored_attempts(layout, partition, campaign)
    fresh = [
        name
        for name in ids
        if name not in stored or log_path(layout, partition, campaign, name).exists()
    ]
    if fresh:
        _rewrite(layout, partition, campaign, ids)
    for name in ids:
        shutil.rmtree(log_path(layout, partition, campaign, name).parent, ignore_errors=True)


def _rewrite(layout: Layout, partition: str, campaign: str, ids: list[str]) -> None:
    target = table_path(layout, partition, campaign)
    place = target.with_suffix(".tmp")
    schema = _schema()
    try:
        with pq.ParquetWriter(place, schema, compression="zstd") as writer:
            for name in ids:
                rows = [
                    {_ATTEMPT: name, **row.model_dump(mode="json")}
                    for row in attempt_calls(layout, partition, campaign, name)
                ]
                if rows:
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        place.replace(target)
    except OSError as error:
        raise StoreError(
            f"{target}: could not be written ({error.strerror}): free disk space, then run the "
            "same command again; the logs are kept"
        ) from error


def _schema() -> pa.Schema:
    return pa.schema([pa.field(_ATTEMPT, pa.string(), nullable=False), *arrow_schema(CallRecord)])


def stored_attempts(layout: Layout, partition: str, campaign: str) -> dict[str, int]:
    """Row group of each attempt in the campaign's table; empty where there is no table."""
    path = table_path(layout, partition, campaign)
    if not path.exists():
        return {}
    with _opened(path) as file:
        groups = file.metadata.num_row_groups
        return {
            file.read_row_group(number, columns=[_ATTEMPT])[_ATTEMPT][0].as_py(): number
            for number in range(groups)
        }


def attempt_calls(
    layout: Layout, partition: str, campaign: str, attempt_id: str
) -> tuple[CallRecord, ...]:
    """Calls of one attempt in order, from its log or from the table.

    Raises:
        StoreError: Neither has them, or one is damaged.
    """
    log = log_path(layout, partition, campaign, attempt_id)
    if log.exists():
        return read_calls(log).records
    return next(iterate_calls(layout, partition, campaign, [attempt_id]))[1]


def iterate_calls(
    layout: Layout, partition: str, campaign: str, attempt_ids: Iterable[str]
) -> Iterator[tuple[str, tuple[CallRecord, ...]]]:
    """Calls of several attempts of a table, one after the other.

    Raises:
        StoreError: The table lacks an attempt, or is damaged.
    """
    path = table_path(layout, partition, campaign)
    stored = stored_attempts(layout, partition, campaign)
    for name in attempt_ids:
        if name not in stored:
            raise StoreError(
                f"{path}: has no calls of attempt {name[:12]}: run campaign {path.stem} again, "
                "which makes that attempt again"
            )
        with _opened(path) as file:
            rows = file.read_row_group(stored[name]).drop_columns([_ATTEMPT]).to_pylist()
        yield name, tuple(CallRecord.model_validate(row) for row in rows)


def has_calls(layout: Layout, partition: str, campaign: str, attempt_id: str) -> bool:
    """Whether an attempt's calls are still there."""
    if log_path(layout, partition, campaign, attempt_id).exists():
        return True
    return attempt_id in stored_attempts(layout, partition, campaign)


def restore(
    layout: Layout, partition: str, campaign: str, target: Path, attempt_ids: Iterable[str]
) -> Path:
    """Write a campaign's logs below ``target`` again, as they were appended.

    Args:
        layout: The workspace.
        partition: Of the asset ``attempts``.
        campaign: Its id.
        target: Folder of the caller's own.
        attempt_ids: The campaign's attempts on record. The table may hold more: attempts on a task
            as it was worded, or as its environment was, before.

    Raises:
        StoreError: No call of these attempts is kept, or the disk is full.
    """
    stored = stored_attempts(layout, partition, campaign)
    wanted = sorted(stored.keys() & set(attempt_ids))
    if not wanted:
        raise StoreError(
            f"{table_path(layout, partition, campaign)}: no calls of an attempt on record of "
            f"campaign {campaign} in {partition}: run that campaign first"
        )
    try:
        for name, records in iterate_calls(layout, partition, campaign, wanted):
            place = target / name / _LOG
            place.parent.mkdir(parents=True)
            lines = "".join(f"{record.canonical_json()}\n" for record in records)
            place.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"{target}: the calls of campaign {campaign} could not be written "
            f"({error.strerror}): free disk space, then run the same command again"
        ) from error
    return target


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise StoreError(f"{path}: no Parquet table ({error}): delete it") from error
