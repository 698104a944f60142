"""``train-plan``: what to train next, from the logs.

A plain click command without a context of its own, so that another group can add it:
``from cra_pipeline.cli.train_plan import train_plan; cra.add_command(train_plan)``.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.home import current_layout


@click.command(name="train-plan")
@click.option("--round", "round_name", required=True, help="Training round, such as r01.")
@click.option(
    "--raw-db",
    "databases",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A raw.sqlite of your own agent, to be read beside the workspace's; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="The plan as one JSON object.")
def train_plan(*, round_name: str, databases: tuple[Path, ...], as_json: bool) -> None:
    """Weak call kinds, what data there is, what to train next and how it would show.

    Copies the raw databases first, while agents may be writing into them. CRA_PIPELINE_HOME names
    the workspace, else it is ./workspace.
    """
    from cra_pipeline.logs.stage import plans, snapshots

    layout = current_layout()
    try:
        snapshots.snapshot_raw(
            layout, round_name, databases=[str(path.resolve()) for path in databases]
        )
        snapshots.check_snapshot(layout, round_name)
        plans.make_plan(layout, round_name)
        check = plans.check_plan(layout, round_name)
    except PipelineError as error:
        # Said here too: in another program's group nobody else turns it into a message.
        raise click.ClickException(str(error)) from error
    if not check.passed:
        raise click.ClickException(f"training_plan of {round_name}: {'; '.join(check.findings)}")
    if as_json:
        found = plans.read_plan(layout, round_name).model_dump(mode="json")
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    path = plans.report_path(layout, round_name)
    click.echo(path.read_text(encoding="utf-8"))
    click.echo(f"written: {path}")
