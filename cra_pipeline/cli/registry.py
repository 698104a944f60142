"""``registry``: which versions there are, which serve, and how that came about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS

if TYPE_CHECKING:
    from cra_pipeline.registry.standing import Standing

_DIGITS = 8
"""Of a digest that are shown; ``--json`` has them whole."""


@click.command()
@click.option("--kind", type=click.Choice(list(ADAPTER_KINDS)), help="Only this adapter kind.")
@click.option("--json", "as_json", is_flag=True, help="Versions and history as one JSON object.")
def registry(*, kind: str | None, as_json: bool) -> None:
    """The versions of every adapter kind, what serves, and the ledger's history.

    An act that a killed run left open is finished or undone first, as by every other command of
    the registry. Versions are put in service by promote and taken out by rollback.
    """
    from cra_pipeline.registry.stage.settling import settled

    with settled(current_layout()) as book:
        lines, standing = book.lines, book.standing
    shown = tuple(line for line in lines if kind in {None, line.adapter_kind})
    kinds = tuple(name for name in standing.kinds if kind in {None, name})
    if as_json:
        click.echo(json.dumps(_told(standing, kinds, shown), ensure_ascii=False))
    elif not shown:
        click.echo("no version is registered: cra-pipeline run registry_entry --kind … --round …")
    else:
        _print_versions(standing, kinds)
        click.echo()
        _print_history(shown)


def print_registry(layout: Layout) -> None:
    """All versions and their history, as ``registry`` shows them."""
    from cra_pipeline.registry.stage.settling import settled

    with settled(layout) as book:
        lines, standing = book.lines, book.standing
    _print_versions(standing, tuple(standing.kinds))
    click.echo()
    _print_history(lines)


def _told(
    standing: Standing, kinds: Sequence[str], lines: Sequence[LedgerLine]
) -> dict[str, object]:
    return {
        "active": {name: standing.active.get(name, "") for name in kinds},
        "versions": [
            row.model_dump(mode="json") for name in kinds for row in standing.of_kind(name)
        ],
        "history": [line.model_dump(mode="json") for line in lines],
    }


def _print_versions(standing: Standing, kinds: Sequence[str]) -> None:
    table = Table("version", "state", "round", "base", "adapter", "report", "note", box=None)
    for name in kinds:
        back = standing.before(name)
        for row in standing.of_kind(name):
            note = "by override" if row.override and row.state == "active" else ""
            if row.state == "active":
                note = f"{note} (a rollback leads to {back or 'the base'})".strip()
            digests = (row.base_digest, row.adapter_digest, row.gate_report)
            table.add_row(
                row.version, row.state, row.round, *(digest[:_DIGITS] for digest in digests), note
            )
    tables().print(table)


def _print_history(lines: Sequence[LedgerLine]) -> None:
    table = Table("#", "when (UTC)", "act", "version", "before", "reason", box=None)
    for line in lines:
        table.add_row(
            str(line.number + 1),
            datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%d %H:%M"),
            line.act.replace("_", " "),
            line.version or "(the base)",
            line.from_version,
            _reason(line),
        )
    tables().print(table)


def _reason(line: LedgerLine) -> str:
    """An act's reason, told once: where it ended."""
    if line.act.endswith("_intended"):
        return ""
    return f"override: {line.reason}" if line.override else line.reason
