"""``doctor``: what works here, what is missing, and which command mends it."""

from __future__ import annotations

import dataclasses
import json
import sys

import click
from rich.table import Table

from cra_pipeline.cli.terminal import tables
from cra_pipeline.integrations.home import current_layout


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each line.")
def doctor(*, as_json: bool) -> None:
    """Look at git, sandbox, uv, disk, memory, Python and Dagster; 1 if something needed lacks."""
    from cra_pipeline.cli.machine import examine

    findings = examine(current_layout())
    if as_json:
        for finding in findings:
            click.echo(json.dumps(dataclasses.asdict(finding)))
    else:
        table = Table("", "what", box=None)
        for head in ("found", "to mend it"):
            table.add_column(head, overflow="fold")
        for finding in findings:
            table.add_row(finding.state, finding.name, finding.found, finding.remedy)
        tables().print(table)
    if any(finding.state == "missing" for finding in findings):
        sys.exit(1)
