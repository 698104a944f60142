"""Results of a run, for a reader and for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.table import Table

from cra_pipeline.cli.execute import CellResult
from cra_pipeline.cli.terminal import messages, tables

_COUNTS_SHOWN = 5


def print_json(results: Sequence[CellResult]) -> None:
    """One object per line: asset, partition, state, rows, counts and error."""
    for result in results:
        manifest = result.manifest
        line = {
            "asset": result.cell.asset,
            "partition": result.cell.partition,
            "state": result.state,
            "rows": manifest.rows if manifest else None,
            "counts": {item.label: item.count for item in manifest.counts} if manifest else {},
            "error": result.error,
        }
        click.echo(json.dumps(line, ensure_ascii=False))


def print_table(results: Sequence[CellResult]) -> None:
    """What was made, with the most frequent reasons; errors follow in full."""
    table = Table("asset", "partition", "state", "rows", "most frequent", box=None)
    for result in results:
        manifest = result.manifest
        counts = manifest.counts[:_COUNTS_SHOWN] if manifest else ()
        table.add_row(
            result.cell.asset,
            result.cell.partition,
            result.state,
            str(manifest.rows) if manifest else "",
            ", ".join(f"{item.label or 'done'} {item.count}" for item in counts),
        )
    tables().print(table)
    for result in results:
        if result.state == "failed":
            place = f" of {result.cell.partition}" if result.cell.partition else ""
            messages().print(f"{result.cell.asset}{place}: {result.error}")
