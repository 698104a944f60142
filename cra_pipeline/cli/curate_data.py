"""``curate-data``: a round's datasets, guided by its training plan.

A plain click command without a context of its own, so that another group can add it:
``from cra_pipeline.cli.curate_data import curate_data; cra.add_command(curate_data)``.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cra_pipeline.cli.terminal import messages, tables
from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS

if TYPE_CHECKING:
    from cra_pipeline.contracts.workspace import Layout
    from cra_pipeline.datasets.stage.turn import Curated


@click.command(name="curate-data")
@click.option("--round", "round_name", required=True, help="Training round, such as r01.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(ADAPTER_KINDS)),
    help="Adapter kind; may be repeated. Else those that the round's training plan would train.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each dataset.")
def curate_data(*, round_name: str, kinds: tuple[str, ...], as_json: bool) -> None:
    """Write and check sft.jsonl and dpo.jsonl of adapter kinds, with manifest and data card.

    A kind whose rows cannot keep the rules is refused with the numbers, and nothing of it is
    written. The exit status is 1 where a kind that was named is refused, a check fails, or no
    dataset at all comes about, also where the plan would train no kind.
    CRA_PIPELINE_HOME names the workspace, else it is ./workspace.
    """
    layout = current_layout()
    try:
        results = _results(layout, round_name, kinds)
    except PipelineError as error:
        # Said here too: in another program's group nobody else turns it into a message.
        raise click.ClickException(str(error)) from error
    (_print_json if as_json else _print)(layout, results)
    failed = [result for result in results if result.error]
    if len(failed) == len(results) or any(kinds or result.manifest for result in failed):
        sys.exit(1)


def _results(layout: Layout, round_name: str, kinds: tuple[str, ...]) -> list[Curated]:
    from cra_pipeline.datasets.stage.turn import cells_of, curate_cells, prepare_round

    console = messages()

    def tell(done: int, total: int, what: str) -> None:
        console.print(f"  {done} of {total}: {what}")

    for note in prepare_round(layout, round_name, progress=tell):
        console.print(f"note: {note}")
    return list(curate_cells(layout, cells_of(layout, round_name, kinds), progress=tell))


def _print_json(layout: Layout, results: list[Curated]) -> None:
    for result in results:
        found = {
            "asset": result.cell.asset,
            "partition": result.cell.partition,
            "state": "failed" if result.error else "done",
            "path": str(result.cell.file(layout)) if result.manifest else "",
            "manifest": result.manifest.model_dump(mode="json") if result.manifest else None,
            "error": result.error,
            "notes": list(result.notes),
        }
        click.echo(json.dumps(found, ensure_ascii=False))


def _print(layout: Layout, results: list[Curated]) -> None:
    table = Table("dataset", "rows", "replayed", "domains", "largest", "state", box=None)
    for result in results:
        manifest = result.manifest
        name = _named(result)
        if manifest is None:
            table.add_row(name, "-", "-", "-", "-", "refused")
            continue
        domains = [item for item in manifest.by_domain if item.label]
        largest = max((item.count for item in domains), default=0) / manifest.rows
        table.add_row(
            name,
            str(manifest.rows),
            f"{manifest.replayed / manifest.rows:.1%}",
            str(len(domains)),
            f"{largest:.1%}",
            "failed its check" if result.error else "done",
        )
    tables().print(table)
    for result in results:
        if result.error:
            click.echo(result.error)
        else:
            click.echo(f"written: {result.cell.file(layout)}")
    for note in dict.fromkeys(note for result in results for note in result.notes):
        click.echo(f"note: {note}")
    if refused := [_named(result) for result in results if result.error]:
        click.echo(f"{len(refused)} of {len(results)} refused: {', '.join(refused)}")
    if not results:
        click.echo("the round's training plan would train no kind: name one with --kind")


def _named(result: Curated) -> str:
    return f"{result.cell.form} {result.cell.adapter_kind}"
