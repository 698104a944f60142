"""``show adapters``: every version that was registered, and what its gate found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.gates import GateReport, PairedChange
from cra_pipeline.contracts.registry import VersionState
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOST = "its files are lost"


def show_adapters(
    layout: Layout, *, round_name: str | None, limit: int | None, as_json: bool
) -> None:
    """One line for each version, kind by kind, oldest first; nothing is settled.

    Raises:
        RegistryError: The ledger is damaged.
    """
    from cra_pipeline.registry.stage.book import read_book

    standing = read_book(layout).standing
    rows = [row for kind in standing.kinds for row in standing.of_kind(kind)]
    found = [_told(layout, row) for row in rows if round_name in {None, row.round}][:limit]
    if as_json:
        for told in found:
            click.echo(json.dumps(told, ensure_ascii=False))
    elif found:
        _print(found)
    else:
        click.echo("no version is registered: cra-pipeline run registry_entry --kind … --round …")


def gain_of(report: GateReport) -> PairedChange | None:
    """The candidate's change in the primary metric, against what served before, else the base."""
    moved = {item.against: item for item in report.changes if item.metric == report.primary}
    return moved.get("incumbent") or moved.get("base")


def _told(layout: Layout, row: VersionState) -> dict[str, object]:
    from cra_pipeline.registry.stage.keeping import kept_manifest, kept_report

    told: dict[str, object] = row.model_dump(mode="json")
    try:
        report, base_id = kept_report(layout, row.version), kept_manifest(layout, row.version)
    except StoreError:
        return told | {"base": row.base_digest, "metric": "", "value": None, "gain": None}
    change = gain_of(report)
    figure = next(
        (item for item in report.figures
         if (item.arm, item.metric) == ("candidate", report.primary)),
        None,
    )  # fmt: skip
    return told | {
        "base": base_id.recipe.base_id,
        "metric": report.primary,
        "value": figure.estimate.value if figure and figure.estimate else None,
        "gain": change.model_dump(mode="json") if change else None,
        "over": (report.incumbent or "the base") if change else "",
    }


def _print(found: Sequence[dict[str, object]]) -> None:
    table = Table(box=None)
    for head in ("version", "round", "base", "state", "metric", "gain (points)"):
        # What is copied from a terminal, and an interval, stay on their line.
        table.add_column(head, no_wrap=head in {"version", "gain (points)"}, overflow="fold")
    for told in found:
        state = f"{told['state']}, by override" if told["override"] else told["state"]
        names = (told["version"], told["round"], told["base"], state)
        table.add_row(*map(str, names), *_measured(told))
    tables().print(table)


def _measured(told: dict[str, object]) -> tuple[str, str]:
    metric, value, gain = told["metric"], told["value"], told["gain"]
    if not metric:
        return _LOST, ""
    shown = f"{metric} {100 * value:.1f} %" if isinstance(value, float) else str(metric)
    if not isinstance(gain, dict):
        return shown, ""
    found = gain["estimate"]
    words = f"{100 * found['value']:+.1f} ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})"
    return shown, f"{words}\nover {told['over']}"
