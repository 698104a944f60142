"""``round open`` and ``round status``: training rounds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
from rich.table import Table

from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.integrations.home import current_layout


class Date(click.ParamType[int]):
    """A day or a moment; a day means its first second, UTC."""

    name = "date"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Seconds since the epoch."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date: expected YYYY-MM-DD[THH:MM:SS+00:00]", param, ctx)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp())


DATE = Date()
_DIGITS = 12
"""Of a commit id that are shown."""


@click.group(name="round")
def rounds() -> None:
    """Training rounds: pinned revisions, a cut-off date, held-out repositories."""


@rounds.command(name="open")
@click.option("--cut-off", type=DATE, help="Later commits are held out; else the newest pin.")
@click.option("--repo", "repos", multiple=True, help="Its repositories; else all known.")
@click.option("--held-out", multiple=True, help="Held-out repositories; else drawn by hash.")
def open_(cut_off: int | None, repos: tuple[str, ...], held_out: tuple[str, ...]) -> None:
    """Open the next round; its record is never changed again."""
    from cra_pipeline.corpus.stage import open_round

    record = open_round(
        current_layout(), cut_off=cut_off, repos=repos or None, held_out=held_out or None
    )
    _print((record,))
    click.echo("reload the code location in a running `dagster dev` to see the new partition")


@rounds.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each round.")
def status(*, as_json: bool) -> None:
    """The opened rounds: pins, cut-off and held-out repositories of each."""
    from cra_pipeline.corpus.stage import read_rounds

    records = read_rounds(current_layout())
    if as_json:
        for record in records:
            click.echo(json.dumps(record.model_dump(mode="json")))
    elif records:
        _print(records)
    else:
        click.echo("no round is open; the first attempts open r01 with all known repositories")


def _print(records: tuple[RoundRecord, ...]) -> None:
    table = Table("round", "cut-off (UTC)", "repository", "pin", "held out", box=None)
    for record in records:
        moment = datetime.fromtimestamp(record.cut_off, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for number, (repo, pin) in enumerate(record.pins):
            # Round and date stand once, so that the eye finds where a round begins.
            head = (record.round, moment) if number == 0 else ("", "")
            table.add_row(*head, repo, pin[:_DIGITS], "yes" if repo in record.held_out else "")
        gone = set(record.held_out) - {name for name, _ in record.pins}
        for repo in sorted(gone):
            table.add_row("", "", repo, "", "yes, not in this round")
    tables().print(table)
