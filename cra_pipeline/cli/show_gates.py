"""``show gates``: what the gates of each round said of its adapters."""

from __future__ import annotations

import json

import click
from rich.table import Table

from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.workspace import Layout


def show_gates(layout: Layout, *, round_name: str | None, limit: int | None, as_json: bool) -> None:
    """Every gate report that stands, by round and kind, the round's own gates behind them.

    Raises:
        CheckError: A report was changed since it was written.
    """
    from cra_pipeline.gates.rows import gate_rows
    from cra_pipeline.gates.stage.reports import read_gates
    from cra_pipeline.gates.stage.rounds import read_round_gates

    reports = read_gates(layout, round_name or "")
    rounds = read_round_gates(layout, round_name or "")
    if as_json:
        for report in (*reports, *rounds)[:limit]:
            click.echo(json.dumps(report.model_dump(mode="json"), ensure_ascii=False))
        return
    rows = gate_rows(reports, rounds)[:limit]
    if not rows:
        click.echo("no gate reports: cra-pipeline run gate_report --kind … --round …")
        return
    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*row.values())
    tables().print(table)
