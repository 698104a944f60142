"""``show datasets``: which there are, and the way back from one of their rows."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.table import Table

from cra_pipeline.cli.terminal import WIDTH, tables
from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.reading import ReadingMarks
from cra_pipeline.contracts.takedowns import TraceStep
from cra_pipeline.contracts.workspace import Layout

Listed = tuple[DatasetManifest, str, ReadingMarks | None]
"""A dataset, its file relative to the workspace, and what was read of it."""


def show_datasets(
    layout: Layout, *, round_name: str | None, limit: int | None, as_json: bool
) -> None:
    """Every dataset that is done, with counts and how much of it a person has read."""
    found = [item for item in _listed(layout) if round_name in {None, item[0].round}][:limit]
    if as_json:
        for manifest, file, marks in found:
            line = manifest.model_dump(mode="json") | {
                "file": file,
                "marks": marks.model_dump(mode="json") if marks else None,
            }
            click.echo(json.dumps(line, ensure_ascii=False))
        return
    _print(found)
    if not found:
        click.echo("no datasets: cra-pipeline curate-data --round r01")


def _listed(layout: Layout) -> list[Listed]:
    from cra_pipeline.datasets.stage.holders import manifest_of, stored_cells
    from cra_pipeline.datasets.stage.sheets import stored_marks

    return [
        (
            manifest_of(layout, cell),
            str(cell.file(layout).relative_to(layout.root)),
            stored_marks(layout, cell),
        )
        for cell in stored_cells(layout)
    ]


def _print(found: Sequence[Listed]) -> None:
    table = Table(
        "dataset", "rows", "replayed", "domains", "largest", "repositories", "read", box=None
    )
    for manifest, _, marks in found:
        domains = [item for item in manifest.by_domain if item.label]
        counted = [item.count for item in domains]
        table.add_row(
            f"{manifest.form} {manifest.adapter_kind} {manifest.round}",
            str(manifest.rows),
            str(manifest.replayed),
            str(len(domains)),
            # As the rule counts: of the rows that have a domain at all.
            f"{max(counted, default=0) / (sum(counted) or 1):.0%}",
            str(len(manifest.by_repo)),
            read_so_far(marks),
        )
    if found:
        tables().print(table)


def read_so_far(marks: ReadingMarks | None) -> str:
    """How many rows of a sheet a person has marked, and how."""
    if marks is None:
        return "no sheet"
    said = ", ".join(
        f"{count} {verdict}"
        for verdict in ("good", "bad", "unsure")
        if (count := marks.said(verdict))
    )
    return f"{marks.read()} of {len(marks.marks)}{f': {said}' if said else ''}"


def show_trace(layout: Layout, row: str, *, as_json: bool) -> bool:
    """Print the steps from a row back to its source.

    Returns:
        Whether each step still lies where it should.

    Raises:
        DatasetError: No dataset has such a row, or several rows begin so.
    """
    from cra_pipeline.datasets.stage.tracing import trace

    steps = trace(layout, row)
    for step in steps:
        if as_json:
            click.echo(json.dumps(step.model_dump(mode="json"), ensure_ascii=False))
        else:
            _print_step(step)
    return all(step.found for step in steps)


def _print_step(step: TraceStep) -> None:
    click.echo(f"{step.step:<11} {step.key}")
    click.echo(f"{'':<11} {step.file}{'' if step.found else '  MISSING'}")
    if step.note:
        note = " ".join(step.note.split())
        room = WIDTH - 12
        click.echo(f"{'':<11} {note if len(note) <= room else note[: room - 1] + '…'}")
