"""Reading sheets on disk: the page, the marks to fill in, and what was read so far."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.contracts.reading import ReadingMarks
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.reading import ReadingPolicy, drawn, merged, page, unmarked
from cra_pipeline.datasets.stage.dataset_files import Cell, Form, read_rows
from cra_pipeline.datasets.stage.holders import manifest_of
from cra_pipeline.errors import DatasetError
from cra_pipeline.integrations.files import read_record, write_bytes, write_record

_FOLDER = "reading_sheets"


def marks_path(layout: Layout, cell: Cell, content_id: str) -> Path:
    """Where the marks of a dataset lie; another content has other marks, and both stay."""
    folder = layout.partition(_FOLDER, cell.partition)
    return folder / f"{cell.form}-{content_id[:12]}.marks.json"


def stored_marks(layout: Layout, cell: Cell) -> ReadingMarks | None:
    """Marks of a dataset as it is now; None where no sheet was made of it.

    Raises:
        StoreError: Dataset or marks are damaged.
    """
    path = marks_path(layout, cell, manifest_of(layout, cell).content_id)
    return read_record(path, ReadingMarks) if path.exists() else None


def write_sheet(layout: Layout, cell: Cell, policy: ReadingPolicy) -> tuple[Path, ReadingMarks]:
    """Draw a dataset's rows and write their page; marks that there are stay and are shown.

    Returns:
        The page, and its marks.

    Raises:
        StoreError: The dataset is missing or damaged, or the disk is full.
        DatasetError: A sheet of the same dataset was drawn by another policy.
    """
    manifest = manifest_of(layout, cell)
    rows = drawn(read_rows(layout, cell), policy)
    blank = unmarked(manifest, rows, policy)
    marks = stored_marks(layout, cell) or blank
    if [mark.example_id for mark in marks.marks] != [mark.example_id for mark in blank.marks]:
        raise DatasetError(
            f"{marks_path(layout, cell, manifest.content_id)}: a sheet with seed {marks.seed} and "
            f"{len(marks.marks)} rows was made already, its marks would be lost: use that seed"
        )
    path = marks_path(layout, cell, manifest.content_id)
    write_record(path, marks)
    target = path.with_name(f"{cell.form}-{manifest.content_id[:12]}.html")
    write_bytes(target, page(manifest, rows, marks).encode())
    return target, marks


def take_marks(layout: Layout, cell: Cell, file: Path) -> ReadingMarks:
    """Store a person's marks over those that there are.

    Raises:
        StoreError: Dataset or marks are missing or damaged.
        DatasetError: The marks are of another sheet, or none was made.
    """
    sheet = stored_marks(layout, cell)
    if sheet is None:
        raise DatasetError(
            f"no reading sheet of {cell.asset} {cell.adapter_kind} {cell.round} as it is now: "
            f"cra-pipeline reading-sheet --kind {cell.adapter_kind} --round {cell.round}"
        )
    try:
        found = merged(sheet, read_record(file, ReadingMarks))
    except ValueError as error:
        raise DatasetError(f"{file}: {error}") from error
    write_record(marks_path(layout, cell, sheet.content_id), found)
    return found


def marks_form(file: Path) -> Form:
    """Of which form of dataset a file holds marks.

    Raises:
        StoreError: It holds none.
    """
    return read_record(file, ReadingMarks).form
