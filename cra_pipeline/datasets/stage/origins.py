"""Origins of every dataset that ever was: one that is curated again loses its rows, not these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cra_pipeline.contracts.datasets import RowOrigin, candidate
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.dataset_files import FORMS, Cell, read_examples
from cra_pipeline.integrations.files import write_table

_FOLDER = "dataset_origins"


def keep_origins(layout: Layout, cell: Cell, file: Path, content_id: str) -> None:
    """Keep where the rows of a dataset came from; nothing where it is kept already.

    Args:
        layout: The workspace.
        cell: Which dataset.
        file: Its rows, which may lie in another place still.
        content_id: Of that file.

    Raises:
        StoreError: A line does not fit, or the disk is full.
    """
    path = _folder(layout, cell) / f"{content_id}.parquet"
    if not path.exists():
        rows = [candidate(row) for row in read_examples(file, cell.form)]
        kept = [RowOrigin(example_id=row.example_id, origin=row.origin) for row in rows]
        write_table(path, kept, RowOrigin)


def kept_origins(layout: Layout) -> Iterator[tuple[Cell, str, Path]]:
    """Datasets of which origins are kept: the cell, the content id and the table, sorted."""
    for form in FORMS:
        for path in sorted((layout.root / _FOLDER / f"{form}_dataset").glob("*/*/*.parquet")):
            yield Cell(form, path.parent.parent.name, path.parent.name), path.stem, path


def _folder(layout: Layout, cell: Cell) -> Path:
    return layout.root / _FOLDER / cell.asset / cell.adapter_kind / cell.round
