"""Everything that descends from sources.

Datasets, also those that were replaced, what rounds offered, published rows, plans of histories,
and attempts on the holdout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from cra_pipeline.contracts.datasets import (
    CandidateRow,
    DatasetManifest,
    DpoExample,
    Origin,
    PlanDocumentRow,
    RowOrigin,
    SftExample,
    candidate,
)
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.datasets.stage.dataset_files import FORMS, Cell, read_rows
from cra_pipeline.datasets.stage.origins import kept_origins
from cra_pipeline.datasets.stage.pools import COLD_START
from cra_pipeline.integrations.cold_start.line_files import read_lines
from cra_pipeline.integrations.files import iterate_table, read_record
from cra_pipeline.integrations.find import columns

INCREMENT = "round_increment"
PLANS, ATTEMPTS = "plan_documents", "holdout_attempts"


@dataclass(frozen=True, slots=True)
class Holder:
    """One artifact.

    Attributes:
        name: Asset and partition, such as ``sft_dataset/scope/r01``.
        content_id: Of the artifact.
        rows: Reads where its rows came from, in order.
    """

    name: str
    content_id: str
    rows: Callable[[], Iterator[RowOrigin]]


def stored_cells(layout: Layout) -> tuple[Cell, ...]:
    """Datasets that are done, by kind, round and form."""
    cells = [
        Cell(form, path.parent.parent.name, path.parent.name)
        for form in FORMS
        for path in (layout.root / f"{form}_dataset").glob("*/*/manifest.json")
    ]
    return tuple(sorted(cells, key=lambda cell: (cell.adapter_kind, round_number(cell.round))))


def manifest_of(layout: Layout, cell: Cell) -> DatasetManifest:
    """What a dataset says of itself.

    Raises:
        StoreError: It is missing or damaged.
    """
    return read_record(cell.folder(layout) / "manifest.json", DatasetManifest)


def all_holders(layout: Layout) -> tuple[Holder, ...]:
    """Datasets first, then what rounds offered, published rows, plans and attempts.

    Raises:
        StoreError: A manifest is damaged.
    """
    return (
        *_datasets(layout),
        *_replaced(layout),
        *_increments(layout),
        *_cold_start(layout),
        *_plans(layout),
        *_attempts(layout),
    )


def _datasets(layout: Layout) -> Iterator[Holder]:
    for cell in stored_cells(layout):
        yield Holder(
            f"{cell.asset}/{cell.adapter_kind}/{cell.round}",
            manifest_of(layout, cell).content_id,
            lambda cell=cell: map(_origin, read_rows(layout, cell)),  # type: ignore[misc]  # bound now
        )


def _origin(row: CandidateRow) -> RowOrigin:
    return RowOrigin(example_id=row.example_id, origin=row.origin)


def _replaced(layout: Layout) -> Iterator[Holder]:
    """Datasets that were curated again since: adapters may descend from them all the same."""
    standing = {(cell, manifest_of(layout, cell).content_id) for cell in stored_cells(layout)}
    for cell, content_id, path in kept_origins(layout):
        if (cell, content_id) not in standing:
            yield Holder(
                f"{cell.asset}/{cell.adapter_kind}/{cell.round} (replaced)",
                content_id,
                lambda path=path: iterate_table(path, RowOrigin),  # type: ignore[misc]  # bound now
            )


def _increments(layout: Layout) -> Iterator[Holder]:
    for path in sorted((layout.root / INCREMENT).glob("*/asset.json")):
        table = layout.table(INCREMENT, path.parent.name)
        yield Holder(
            f"{INCREMENT}/{path.parent.name}",
            read_record(path, AssetManifest).content_id,
            lambda table=table: map(_origin, iterate_table(table, CandidateRow)),  # type: ignore[misc]  # bound now
        )


def _plans(layout: Layout) -> Iterator[Holder]:
    for path in sorted((layout.root / PLANS).glob("*/asset.json")):
        table = layout.table(PLANS, path.parent.name)
        yield Holder(
            f"{PLANS}/{path.parent.name}",
            read_record(path, AssetManifest).content_id,
            lambda table=table: map(_of_plan, iterate_table(table, PlanDocumentRow)),  # type: ignore[misc]  # bound now
        )


def _of_plan(row: PlanDocumentRow) -> RowOrigin:
    return RowOrigin(
        example_id=f"{row.sha[:12]}:{row.path}",
        origin=_blank(row.repo, row.licence).model_copy(
            update={"sha": row.sha, "committed_at": row.committed_at, "row": row.path}
        ),
    )


def _blank(repo: str, licence: str) -> Origin:
    return Origin(
        source="synthetic", repo=repo, domain="", licence=licence, sha="", patch_id="",
        committed_at=0, task_id="", attempt_ids=(), call_number=-1, row="",
    )  # fmt: skip


def _attempts(layout: Layout) -> Iterator[Holder]:
    for path in sorted((layout.root / ATTEMPTS).glob("*/*/asset.json")):
        kind, name = path.parts[-3:-1]
        yield Holder(
            f"{ATTEMPTS}/{kind}/{name}",
            read_record(path, AssetManifest).content_id,
            lambda kind=kind, name=name: _of_attempts(layout, kind, name),  # type: ignore[misc]  # bound now
        )


def _of_attempts(layout: Layout, kind: str, name: str) -> Iterator[RowOrigin]:
    """Attempts on the holdout with the commits of their tasks, as the holdout tells them."""
    told = columns(layout.table("holdout", name), "task_id", "sha", "patch_id", "committed_at")
    of_task = {row.pop("task_id"): row for row in told}
    licences = {
        path.parent.name: row["licence"]
        for path in layout.root.glob("repo_snapshots/*/repo_snapshots.parquet")
        for row in columns(path, "licence")
    }
    for row in columns(
        layout.table(ATTEMPTS, f"{kind}{MULTI}{name}"), "attempt_id", "task_id", "repo"
    ):
        blank = _blank(row["repo"], licences.get(row["repo"], ""))
        known = {"task_id": row["task_id"], **of_task.get(row["task_id"], {})}
        yield RowOrigin(example_id=row["attempt_id"], origin=blank.model_copy(update=known))


def _cold_start(layout: Layout) -> Iterator[Holder]:
    path = layout.manifest(COLD_START, "")
    if path.exists():
        content_id = read_record(path, AssetManifest).content_id
        yield Holder(COLD_START, content_id, lambda: map(_origin, cold_rows(layout)))


def cold_rows(layout: Layout) -> Iterator[CandidateRow]:
    """Every published row.

    Raises:
        StoreError: A file is damaged.
    """
    shapes = {"sft": SftExample, "dpo": DpoExample}
    for form in FORMS:
        path = layout.partition(COLD_START, "") / f"{form}.jsonl"
        if path.exists():
            for row in read_lines(path, cast("type[SftExample | DpoExample]", shapes[form])):
                yield candidate(row)
