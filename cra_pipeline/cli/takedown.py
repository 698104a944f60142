"""``takedown``: what descends from a repository, a licence or a commit is used no more."""

from __future__ import annotations

import json
from typing import cast

import click
from rich.table import Table

from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.takedowns import Aim, Takedown
from cra_pipeline.integrations.home import current_layout

_SHOWN = 12


@click.command()
@click.argument("target", metavar="REPO|LICENCE|COMMIT")
@click.option(
    "--as",
    "aim",
    type=click.Choice(["repo", "licence", "commit"]),
    help="What TARGET is, where it could be several things.",
)
@click.option("--reason", default="", help="For the record.")
@click.option("--dry-run", is_flag=True, help="Only list; write no tombstone.")
@click.option("--rows", "with_rows", is_flag=True, help="List each row, not only their number.")
@click.option("--json", "as_json", is_flag=True, help="The tombstone as JSON.")
def takedown(  # noqa: PLR0913  # one argument for each option of the command
    *, target: str, aim: str | None, reason: str, dry_run: bool, with_rows: bool, as_json: bool
) -> None:
    """List what descends from TARGET, and keep it out of every dataset that is built from now on.

    Nothing is deleted: datasets and adapters that hold such rows stay as they are, and the
    tombstone names them. A commit is given by its id or at least seven digits of it; the same
    change under another commit's id goes with it. An id of a change (git patch-id) will do too.
    """
    from cra_pipeline.datasets.stage.descent import to_retire
    from cra_pipeline.datasets.stage.takedowns import plan_takedown, take_down

    layout = current_layout()
    record = plan_takedown(layout, target, aim=cast("Aim | None", aim), reason=reason)
    path = None if dry_run else take_down(layout, record)
    if as_json:
        click.echo(json.dumps(record.model_dump(mode="json"), ensure_ascii=False))
        return
    _print(record, with_rows=with_rows)
    if path is None:
        click.echo("nothing was written (--dry-run)")
        return
    click.echo(f"tombstone: {path}")
    for line in to_retire(layout, record.versions):
        click.echo(f"registered and trained from it, so that it must not serve: {line}")
    click.echo("datasets built from now on hold none of it: cra-pipeline curate-data --round …")


def _print(record: Takedown, *, with_rows: bool) -> None:
    click.echo(
        f"{record.by} {record.target}: {len(record.commits)} commits, "
        f"{len(record.patch_ids)} changes"
    )
    if not record.descendants:
        click.echo("no row descends from it yet")
        return
    table = Table("descends from it", "content", "rows", box=None)
    for item in record.descendants:
        table.add_row(item.holder, item.content_id[:_SHOWN], str(len(item.rows)))
    tables().print(table)
    for item in record.descendants if with_rows else ():
        for row in item.rows:
            click.echo(f"{item.holder} {row}")
    for name in (*record.adapters, *record.versions):
        click.echo(f"trained from it: {name}")
    for name in record.unsure:
        click.echo(f"cannot be told, of its dataset nothing is kept: {name}")
    if not (record.adapters or record.versions):
        click.echo("no adapter is known that was trained from it here")
