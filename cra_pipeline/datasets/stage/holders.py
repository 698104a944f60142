"""Everything that holds rows of datasets: the datasets, what rounds offered, the cold start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from cra_pipeline.contracts.datasets import (
    CandidateRow,
    DatasetManifest,
    DpoExample,
    SftExample,
    candidate,
)
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.dataset_files import FORMS, Cell, read_rows
from cra_pipeline.datasets.stage.pools import COLD_START
from cra_pipeline.integrations.cold_start.line_files import read_lines
from cra_pipeline.integrations.files import iterate_table, read_record

INCREMENT = "round_increment"


@dataclass(frozen=True, slots=True)
class Holder:
    """One artifact.

    Attributes:
        name: Asset and partition, such as ``sft_dataset/scope/r01``.
        content_id: Of the artifact.
        rows: Reads it, in order.
        cell: Which dataset it is; None where it is none.
    """

    name: str
    content_id: str
    rows: Callable[[], Iterator[CandidateRow]]
    cell: Cell | None = None


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
    """Datasets first, then what rounds offered, then the cold start.

    Raises:
        StoreError: A manifest is damaged.
    """
    return (*_datasets(layout), *_increments(layout), *_cold_start(layout))


def _datasets(layout: Layout) -> Iterator[Holder]:
    for cell in stored_cells(layout):
        yield Holder(
            f"{cell.asset}/{cell.adapter_kind}/{cell.round}",
            manifest_of(layout, cell).content_id,
            lambda cell=cell: read_rows(layout, cell),  # type: ignore[misc]  # bound now
            cell,
        )


def _increments(layout: Layout) -> Iterator[Holder]:
    for path in sorted((layout.root / INCREMENT).glob("*/asset.json")):
        table = layout.table(INCREMENT, path.parent.name)
        yield Holder(
            f"{INCREMENT}/{path.parent.name}",
            read_record(path, AssetManifest).content_id,
            lambda table=table: iterate_table(table, CandidateRow),  # type: ignore[misc]  # bound now
        )


def _cold_start(layout: Layout) -> Iterator[Holder]:
    path = layout.manifest(COLD_START, "")
    if path.exists():
        content_id = read_record(path, AssetManifest).content_id
        yield Holder(COLD_START, content_id, lambda: cold_rows(layout))


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
