"""Where a dataset lies, and how its folder appears: whole, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cra_pipeline.contracts.datasets import CandidateRow, DpoExample, SftExample, candidate
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import DatasetError, StoreError
from cra_pipeline.integrations.cold_start.line_files import read_lines
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.kinds import ADAPTER_KINDS

Form = Literal["sft", "dpo"]
FORMS: tuple[Form, ...] = ("sft", "dpo")


@dataclass(frozen=True, slots=True)
class Cell:
    """One dataset."""

    form: Form
    adapter_kind: str
    round: str

    @property
    def asset(self) -> str:
        """Name of the asset."""
        return f"{self.form}_dataset"

    @property
    def partition(self) -> str:
        """Its partition key."""
        return f"{self.adapter_kind}{MULTI}{self.round}"

    @property
    def reads(self) -> tuple[str, Form]:
        """Which candidates of a pool it is made of: kind and form."""
        return self.adapter_kind, self.form

    def folder(self, layout: Layout) -> Path:
        """Where everything of it lies."""
        return layout.partition(self.asset, self.partition)

    def file(self, layout: Layout) -> Path:
        """The JSONL file."""
        return self.folder(layout) / f"{self.form}.jsonl"


def kinds_of(form: Form) -> tuple[str, ...]:
    """Adapter kinds that are trained from datasets of a form."""
    return tuple(name for name, kind in ADAPTER_KINDS.items() if form in kind.technique)


def require_cell(cell: Cell) -> None:
    """Refuse a dataset that no training would read.

    Raises:
        DatasetError: The kind is unknown, or is not trained so.
    """
    if cell.adapter_kind not in kinds_of(cell.form):
        raise DatasetError(
            f"{cell.adapter_kind}: no {cell.form.upper()} dataset; expected one of "
            f"{', '.join(kinds_of(cell.form))}"
        )


def read_rows(layout: Layout, cell: Cell) -> Iterator[CandidateRow]:
    """Rows of a dataset as it lies on disk, in order.

    Raises:
        StoreError: It is missing, or a line does not fit; the message names it.
    """
    path = cell.file(layout)
    for number, row in enumerate(read_examples(path, cell.form), 1):
        try:
            yield candidate(row)
        except ValueError as error:
            raise StoreError(f"{path}:{number}: {error}") from error


def read_examples(path: Path, form: Form) -> Iterator[SftExample | DpoExample]:
    """Rows of a JSONL file of a form, in order.

    Raises:
        StoreError: It is missing, or a line does not fit; the message names it.
    """
    if form == "sft":
        yield from read_lines(path, SftExample)
    else:
        yield from read_lines(path, DpoExample)


@contextmanager
def published(layout: Layout, cell: Cell) -> Iterator[Path]:
    """An empty folder to fill; it takes the dataset's place when the block ends well.

    Where the block fails nothing of it is left, and an older dataset stays as it was.

    Raises:
        StoreError: The disk is full or the folder cannot be written.
    """
    target = cell.folder(layout)
    layout.scratch.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(dir=layout.scratch, prefix=prefix_of(".part")))
    try:
        yield half
        half.chmod(0o755)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            # A kill between the two renames leaves no dataset, never half of one.
            target.rename(half.with_name(f"{half.name}-old"))
        half.rename(target)
    except OSError as error:
        raise StoreError(
            f"{target}: could not be written ({error.strerror}): free space"
        ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
        shutil.rmtree(half.with_name(f"{half.name}-old"), ignore_errors=True)
