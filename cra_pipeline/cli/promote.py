"""``promote``, ``rollback`` and ``retire``: versions into service and out of it."""

from __future__ import annotations

import os
import pwd

import click

from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS

KIND = click.Choice(list(ADAPTER_KINDS))


class Version(click.ParamType[str]):
    """Name of a version."""

    name = "version"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, if it is one of a kind that there is."""
        from cra_pipeline.registry.versions import parts_of

        try:
            kind, _ = parts_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if kind not in ADAPTER_KINDS:
            known = ", ".join(ADAPTER_KINDS)
            self.fail(f"{kind!r} is no adapter kind: expected one of {known}", param, ctx)
        return value


class Reason(click.ParamType[str]):
    """Some words, for good in the ledger."""

    name = "reason"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The words with the name of who said them."""
        words = " ".join(value.split())
        if not words:
            self.fail("expected a reason: it stands in the ledger for good", param, ctx)
        return f"{_who()}: {words}"


@click.command()
@click.argument("kind", type=KIND)
@click.argument("version", type=Version())
@click.option(
    "--override",
    type=Reason(),
    help="Promote it against its gates, for this reason; the next check rolls it back.",
)
def promote(*, kind: str, version: str, override: str | None) -> None:
    """Put VERSION of KIND in service, if its gate and the gate of its round allow it.

    Both reports are read again now. What serves stays where the promotion is refused or fails.
    """
    from cra_pipeline.registry.stage.promoting import promote as put

    line = put(current_layout(), kind, version, override=override or "")
    _tell(line)
    if line.override:
        click.echo("against its gates: the next check of registry_entry rolls it back")


@click.command()
@click.argument("kind", type=KIND)
@click.option("--reason", type=Reason(), default="no reason given", help="For the ledger.")
def rollback(*, kind: str, reason: str) -> None:
    """Put the version of KIND that served before in service again, or the base alone."""
    from cra_pipeline.registry.stage.promoting import roll_back

    _tell(roll_back(current_layout(), kind, reason=reason))


@click.command()
@click.argument("version", type=Version())
@click.option("--reason", type=Reason(), default="no reason given", help="For the ledger.")
def retire(*, version: str, reason: str) -> None:
    """Have VERSION never serve again; one in service is rolled back first."""
    from cra_pipeline.registry.stage.promoting import retire as put_away

    put_away(current_layout(), version, reason=reason)
    click.echo(f"{version} is retired; its files and its history stay")


def _tell(line: LedgerLine) -> None:
    now, before = line.version or "the base alone", line.from_version or "the base alone"
    click.echo(f"{line.adapter_kind}: {now} serves (before: {before})")


def _who() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # A container's user needs no name.
        return f"user {os.getuid()}"
