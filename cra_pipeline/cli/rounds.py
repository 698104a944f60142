"""``round open``, ``round status`` and ``round close``: training rounds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
from rich.table import Table

from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.rounds import RoundClosing, RoundRecord
from cra_pipeline.integrations.cut_offs import note_on_cut_off
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


class Waiver(click.ParamType[tuple[str, str]]):
    """What a round goes without, and why."""

    name = "what=reason"

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """(what, why)."""
        from cra_pipeline.corpus.rounds import waiver

        if isinstance(value, tuple):
            return value
        try:
            return waiver(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


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
@click.option(
    "--waive",
    "waivers",
    type=Waiver(),
    multiple=True,
    help="What the round goes without, such as gate_1_base_half=REASON; for good in its record.",
)
def open_(
    cut_off: int | None,
    repos: tuple[str, ...],
    held_out: tuple[str, ...],
    waivers: tuple[tuple[str, str], ...],
) -> None:
    """Open the next round; its record is never changed again.

    The versions that serve now are frozen in it: every gate of the round compares with them.
    """
    from cra_pipeline.corpus.rounds import Frozen
    from cra_pipeline.corpus.stage import known_sources, open_round
    from cra_pipeline.registry.stage.closings import incumbents

    layout = current_layout()
    record = open_round(
        layout,
        cut_off=cut_off,
        repos=repos or None,
        held_out=held_out or None,
        frozen=Frozen(incumbents=incumbents(layout), waivers=waivers),
    )
    _print((record,))
    _print_frozen(record)
    dated = {source.name: source.committed_at for source in known_sources(layout)}
    _print_note(note_on_cut_off(layout, record, dated))
    click.echo("reload the code location in a running `dagster dev` to see the new partition")


@rounds.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each round.")
def status(*, as_json: bool) -> None:
    """The opened rounds: pins, cut-off, held-out repositories, and what came of each."""
    from cra_pipeline.corpus.stage import read_rounds
    from cra_pipeline.registry.stage.closings import closing_of, incumbents

    layout = current_layout()
    records = read_rounds(layout)
    closings = {record.round: closing_of(layout, record.round) for record in records}
    active = dict(incumbents(layout))
    if as_json:
        for record in records:
            closing = closings[record.round]
            told = {
                "closing": closing.model_dump(mode="json") if closing else None,
                "note": note_on_cut_off(layout, record),
            }
            click.echo(json.dumps(record.model_dump(mode="json") | told | {"active": active}))
    elif records:
        _print(records)
        for record in records:
            _print_frozen(record)
            _print_note(note_on_cut_off(layout, record))
            _print_closing(record.round, closings[record.round])
        serves = ", ".join(active.values()) or "no version; the base alone"
        click.echo(f"in service now: {serves}")
    else:
        click.echo("no round is open; the first attempts open r01 with all known repositories")


@rounds.command(name="close")
@click.argument("name", metavar="ROUND")
@click.option("--json", "as_json", is_flag=True, help="The closing record as JSON.")
def close(*, name: str, as_json: bool) -> None:
    """Write down what ROUND came to, and what the next one needs.

    A version in service that the round shows to have become worse is rolled back first. Closing a
    round again shows the record that stands.
    """
    from cra_pipeline.corpus.stage import known_sources
    from cra_pipeline.gates.stage.advice import plateau_advice, rollback_advice
    from cra_pipeline.registry.stage.closings import close_round, closing_of
    from cra_pipeline.registry.stage.promoting import roll_back_regressed

    layout = current_layout()
    closing = closing_of(layout, name)
    if closing is None:
        for advice in rollback_advice(layout, name):
            roll_back_regressed(layout, advice)
        closing = close_round(layout, name, plateau_advice(layout, known_sources(layout)))
    if as_json:
        click.echo(json.dumps(closing.model_dump(mode="json"), ensure_ascii=False))
    else:
        _print_closing(name, closing)


def _print_frozen(record: RoundRecord) -> None:
    versions = ", ".join(version for _, version in record.incumbents)
    click.echo(f"gates of {record.round} compare with {versions or 'the base alone'}")
    for what, why in record.waivers:
        tables().print(f"waived in {record.round}: {what}: {why}")


def _print_note(note: str) -> None:
    if note:
        click.echo(f"note: {note}")


def _print_closing(name: str, closing: RoundClosing | None) -> None:
    if closing is None:
        click.echo(f"still open: cra-pipeline round close {name}")
        return
    table = Table(f"closed: {name}", "version", "ending", "in service", "reason", box=None)
    for item in closing.kinds:
        table.add_row(
            item.adapter_kind,
            item.version or "-",
            item.ending.replace("_", " "),
            item.active or "the base",
            item.reason,
        )
    tables().print(table)
    for sentence in closing.advice:
        click.echo(sentence)


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
