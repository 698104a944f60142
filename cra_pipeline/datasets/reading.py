"""The reading sheet: some rows of a dataset as a page, for a person to read and mark. Pure.

Metrics do not see a plan that is subtly wrong, a style that drifts, or a task that shifts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import jinja2

from cra_pipeline.contracts.datasets import CandidateRow, DatasetManifest
from cra_pipeline.contracts.reading import ReadingMark, ReadingMarks
from cra_pipeline.datasets.facts import rank

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("cra_pipeline.datasets"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingPolicy:
    """Which rows are read.

    Attributes:
        rows: Of each dataset; all where it has fewer.
        seed: Seeds the draw, so equal datasets give equal sheets.
    """

    rows: int = 20
    seed: int = 0


def drawn(rows: Iterable[CandidateRow], policy: ReadingPolicy) -> tuple[CandidateRow, ...]:
    """Rows to read, in the order of the draw, whatever order they came in."""
    return tuple(
        heapq.nsmallest(policy.rows, rows, key=lambda row: rank(row.example_id, policy.seed))
    )


def unmarked(
    manifest: DatasetManifest, rows: Iterable[CandidateRow], policy: ReadingPolicy
) -> ReadingMarks:
    """The sheet's marks before anyone has read."""
    return ReadingMarks(
        adapter_kind=manifest.adapter_kind,
        round=manifest.round,
        form=manifest.form,
        content_id=manifest.content_id,
        seed=policy.seed,
        marks=tuple(ReadingMark(example_id=row.example_id, verdict="", note="") for row in rows),
    )


def merged(sheet: ReadingMarks, given: ReadingMarks) -> ReadingMarks:
    """A sheet with a person's marks over those that it had; what was not read stays.

    Args:
        sheet: As it is stored.
        given: What the person handed in; may lack rows.

    Raises:
        ValueError: The marks are of another sheet, or of rows that are not on it.
    """
    for name in ("adapter_kind", "round", "form", "content_id", "seed"):
        if getattr(given, name) != getattr(sheet, name):
            raise ValueError(
                f"marks of another sheet: {name} is {getattr(given, name)!r}, expected "
                f"{getattr(sheet, name)!r}"
            )
    known = {mark.example_id for mark in sheet.marks}
    if strange := sorted(mark.example_id for mark in given.marks if mark.example_id not in known):
        raise ValueError(f"{strange[0]}: not one of the sheet's {len(known)} rows")
    said = {mark.example_id: mark for mark in given.marks if mark.verdict}
    marks = tuple(said.get(mark.example_id, mark) for mark in sheet.marks)
    return sheet.model_copy(update={"marks": marks})


def page(manifest: DatasetManifest, rows: Iterable[CandidateRow], marks: ReadingMarks) -> str:
    """The sheet as HTML that asks for nothing from outside; texts of rows are shown as texts."""
    return _TEMPLATES.get_template("reading_sheet.html.j2").render(
        manifest=manifest,
        rows=tuple(rows),
        marks=marks.model_dump(mode="json"),
        said={mark.example_id: mark for mark in marks.marks},
        verdicts=("good", "bad", "unsure"),
    )
