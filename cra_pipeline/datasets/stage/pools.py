"""``round_pool``: what all rounds up to one have to offer; nothing is copied, only named."""

from __future__ import annotations

from collections.abc import Iterator

from cra_pipeline.contracts.datasets import CandidateRow, PoolRow, candidate
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.line import rounds_up_to
from cra_pipeline.datasets.stage.dataset_files import Form, read_examples
from cra_pipeline.datasets.stage.lines import opened_rounds, record_of
from cra_pipeline.errors import CheckError
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import (
    iterate_table,
    partition_lock,
    read_record,
    read_table,
)
from cra_pipeline.integrations.find import columns

ASSET = "round_pool"
COLD_START = "cold_start"
_INCREMENT = "round_increment"


def gather_pool(layout: Layout, round_name: str) -> StageReport:
    """Name the increments of a round and of all earlier ones, and the cold start if there is one.

    Raises:
        RoundError: The round is not opened.
        CheckError: An increment is missing or failed its check.
        BusyError: Another run is at work on this pool.
    """
    with partition_lock(layout, ASSET, round_name):
        rounds = opened_rounds(layout)
        parts = [
            (_INCREMENT, item.round) for item in rounds_up_to(record_of(rounds, round_name), rounds)
        ]
        if layout.manifest(COLD_START, "").exists():
            parts.append((COLD_START, ""))
        inputs = [require_checked(layout, asset, partition) for asset, partition in parts]
        rows = [
            PoolRow(
                name=item.name,
                content_id=item.content_id,
                rows=read_record(layout.manifest(asset, partition), AssetManifest).rows,
            )
            for item, (asset, partition) in zip(inputs, parts, strict=True)
        ]
        manifest = seal_table(
            layout, ASSET, round_name, rows, PoolRow,
            reasons=[row.name for row in rows], inputs=inputs, policy="{}",
        )  # fmt: skip
    preview = tuple({"part": row.name, "candidates": str(row.rows)} for row in rows)
    return StageReport(manifest=manifest, preview=preview)


def check_pool(layout: Layout, round_name: str) -> CheckReport:
    """Whether every part is still what the pool names, and no round is missing.

    Raises:
        StoreError: The table is missing or damaged.
    """
    manifest = read_record(layout.manifest(ASSET, round_name), AssetManifest)
    rows = read_table(layout.table(ASSET, round_name), PoolRow)
    found = list(_changed(layout, rows))
    rounds = opened_rounds(layout)
    expected = {
        f"{_INCREMENT}/{item.round}" for item in rounds_up_to(record_of(rounds, round_name), rounds)
    }
    listed = {row.name for row in rows if row.name.startswith(_INCREMENT)}
    if listed != expected:
        found.append(f"names {', '.join(sorted(listed))}, expected {', '.join(sorted(expected))}")
    return write_check(layout, manifest, found)


def _changed(layout: Layout, rows: tuple[PoolRow, ...]) -> Iterator[str]:
    for row in rows:
        asset, _, partition = row.name.partition("/")
        try:
            now = require_checked(layout, asset, partition).content_id
        except CheckError as error:
            yield str(error)
            continue
        if now != row.content_id:
            yield (
                f"{row.name} is now {now[:12]}, the pool names {row.content_id[:12]}: gather the "
                "pool again"
            )


def pooled(
    layout: Layout, round_name: str, adapter_kind: str, form: Form
) -> Iterator[CandidateRow]:
    """Candidates of one kind and form, round by round.

    Raises:
        CheckError: A part is not what the pool names any more.
        StoreError: A part is missing or damaged.
    """
    rows = read_table(layout.table(ASSET, round_name), PoolRow)
    for fault in _changed(layout, rows):
        raise CheckError(f"{ASSET} of {round_name}: {fault}")
    for row in rows:
        asset, _, partition = row.name.partition("/")
        if asset == COLD_START:
            yield from cold_start_rows(layout, adapter_kind, form)
            continue
        where = {"adapter_kind": adapter_kind, "form": form}
        yield from iterate_table(layout.table(asset, partition), CandidateRow, where=where)


def pool_size(layout: Layout, round_name: str, adapter_kind: str, form: Form) -> int:
    """How many candidates ``pooled`` gives, told without reading their texts.

    Raises:
        StoreError: A part is missing or damaged.
    """
    total = 0
    for row in read_table(layout.table(ASSET, round_name), PoolRow):
        asset, _, partition = row.name.partition("/")
        if asset == COLD_START:
            total += sum(1 for _ in cold_start_rows(layout, adapter_kind, form))
            continue
        told = columns(layout.table(asset, partition), "adapter_kind", "form")
        total += told.count({"adapter_kind": adapter_kind, "form": form})
    return total


def cold_start_rows(layout: Layout, adapter_kind: str, form: Form) -> Iterator[CandidateRow]:
    """Published rows of one kind; the first round is the one that takes them in."""
    (first, *_) = opened_rounds(layout)
    path = layout.partition(COLD_START, "") / f"{form}.jsonl"
    for row in read_examples(path, form):
        if row.adapter_kind == adapter_kind:
            yield candidate(row).model_copy(update={"round": first.round})
