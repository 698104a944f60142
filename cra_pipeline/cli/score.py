"""``score``: judge any patch from outside by a task's hidden tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.home import current_layout


@click.command()
@click.argument("task")
@click.option(
    "--patch",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Unified diff against the task's base.",
)
@click.option("--json", "as_json", is_flag=True, help="All that is known, as one JSON object.")
def score(*, task: str, patch: Path, as_json: bool) -> None:
    """Judge the patch in a file against TASK; whatever the verdict, the work is then done."""
    from cra_pipeline.definitions.resources import SandboxedTests
    from cra_pipeline.harness.stage.scoring import score_patch

    layout = current_layout()
    row = score_patch(layout, task, patch.read_bytes(), runner=SandboxedTests().runner(layout))
    if as_json:
        click.echo(json.dumps(row.model_dump(mode="json"), ensure_ascii=False))
    else:
        click.echo(f"{row.task_id}: {row.outcome}{f' ({row.reason})' if row.reason else ''}")
        for line in (row.detail, *row.failed_tests):
            if line:
                click.echo(f"  {line}")
    if row.outcome is Outcome.SANDBOX_ERROR:
        sys.exit(1)
