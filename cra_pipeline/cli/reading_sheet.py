"""``reading-sheet``: some rows of a dataset as a page for a person, and the person's marks."""

from __future__ import annotations

from pathlib import Path

import click

from cra_pipeline.cli.show_datasets import read_so_far
from cra_pipeline.errors import DatasetError
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS


@click.command(name="reading-sheet")
@click.option("--kind", required=True, type=click.Choice(list(ADAPTER_KINDS)), help="Adapter kind.")
@click.option("--round", "round_name", required=True, help="Round, such as r01.")
@click.option("--form", type=click.Choice(["sft", "dpo"]), help="One of its datasets; else all.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draw.")
@click.option(
    "--marks",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Marks that the page saved, or an edited copy of the marks beside it.",
)
def reading_sheet(
    *, kind: str, round_name: str, form: str | None, seed: int, file: Path | None
) -> None:
    """Write a page with 20 rows of each dataset of a kind and round, or take a person's marks.

    The page needs no network: open it in a browser, mark each row, save the marks and hand the
    file in with --marks. `cra-pipeline show datasets` counts what was read.
    """
    from cra_pipeline.datasets.reading import ReadingPolicy
    from cra_pipeline.datasets.stage.holders import stored_cells
    from cra_pipeline.datasets.stage.sheets import marks_form, take_marks, write_sheet

    layout = current_layout()
    wanted = form if file is None else form or marks_form(file)
    cells = [
        cell
        for cell in stored_cells(layout)
        if (cell.adapter_kind, cell.round) == (kind, round_name) and wanted in {None, cell.form}
    ]
    if not cells:
        raise DatasetError(
            f"no {f'{wanted} ' if wanted else ''}dataset of {kind} in {round_name}: cra-pipeline "
            f"curate-data --round {round_name} --kind {kind}"
        )
    for cell in cells:
        if file is not None:
            marks = take_marks(layout, cell, file)
            click.echo(f"{cell.form} {kind} {round_name}: read {read_so_far(marks)}")
        else:
            page, marks = write_sheet(layout, cell, ReadingPolicy(seed=seed))
            click.echo(f"{cell.form} {kind} {round_name}: {page} (read {read_so_far(marks)})")
