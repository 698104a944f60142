"""``base``: bundles for an outsourced fine-tune, what comes back, and the bases that there are."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cra_pipeline.cli.terminal import display, tables
from cra_pipeline.integrations.home import current_layout

if TYPE_CHECKING:
    from cra_pipeline.adapters.stage.returned import Returned
    from cra_pipeline.contracts.gates import GateReport
    from cra_pipeline.contracts.workspace import Layout
    from cra_pipeline.integrations.bases import Role

_DIGITS = 12
"""Of a digest that are shown."""
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_ROLE = click.Choice(["reasoning", "coding", "tiny"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is made, for the display."""

    asset_key: object
    partition_key: str


@click.group(name="base")
def base() -> None:
    """Base models: exported as a bundle, tuned elsewhere, taken back, frozen."""


@base.command(name="export")
@click.argument("round_name", metavar="ROUND")
@click.option("--base", "base_id", default="", metavar="ID", help="Tuned; else the planner's.")
@click.option("--to", type=click.Path(path_type=Path), help="A copy of the archive goes there.")
def export(round_name: str, base_id: str, to: Path | None) -> None:
    """Make the base bundle of ROUND, with everything it needs: one archive to send out."""
    from cra_pipeline.adapters.stage.bundle import ASSET, archive_path
    from cra_pipeline.cli.execute import dagster_runner
    from cra_pipeline.cli.plan import over_round
    from cra_pipeline.cli.results import print_table

    layout = current_layout()
    settings = {ASSET: {"base": base_id}}
    with display() as shown, dagster_runner(layout, (), shown) as runner:
        results = list(runner.run_lines([over_round(ASSET, round_name)], settings))
    print_table(results)
    if any(result.state != "done" for result in results):
        sys.exit(1)
    path = archive_path(layout, round_name)
    if to is not None:
        path = Path(shutil.copyfile(path, to / path.name if to.is_dir() else to))
    click.echo(
        f"{path}: send it out; what comes back: cra-pipeline base import FOLDER --replaces …"
    )


@base.command(name="import")
@click.argument("folder", type=_FOLDER)
@click.option("--role", type=_ROLE, required=True, help="Which adapter kinds it serves.")
@click.option("--name", metavar="NAME", help="Of a published model, such as Qwen/Qwen3-4B.")
@click.option("--replaces", metavar="ID", help="The base that was sent out as a bundle.")
@click.option("--round", "round_name", help="Whose holdout judges what came back.")
@click.option("--trial", is_flag=True, help="Let it plan on the holdout first; nothing changes.")
def import_(  # noqa: PLR0913  # one argument for each option of the command
    *,
    folder: Path,
    role: Role,
    name: str | None,
    replaces: str | None,
    round_name: str | None,
    trial: bool,
) -> None:
    """Freeze a published model, or take back what a bundle was sent out for.

    With --name FOLDER is a model as it was published: it is copied, hashed and never changed. With
    --replaces and --round it is what came back (result.json and model/): hashes, configuration,
    tokenizer, tensors and a forward pass are looked at; then Gate 1's base half decides by the
    attempts that --trial made, unless the round's record waives it. Adapters of the old base are
    void from then on.
    """
    if name is not None and (replaces, round_name, trial) == (None, None, False):
        _freeze(folder, role, name)
    elif name is None and replaces is not None and round_name is not None:
        _take_back(folder, replaces, role, round_name, trial=trial)
    else:
        raise click.UsageError(
            "give --name for a published model, or --replaces and --round for what came back"
        )


def _freeze(folder: Path, role: Role, name: str) -> None:
    from cra_pipeline.integrations.bases import import_base

    record = import_base(current_layout(), folder, role=role, name=name)
    click.echo(
        f"{record.base_id}: {record.name}, {record.parameters:,} parameters, window "
        f"{record.window}, {record.content_id[:_DIGITS]}"
    )


def _take_back(folder: Path, replaces: str, role: str, round_name: str, *, trial: bool) -> None:
    from cra_pipeline.adapters.stage.returned import looked_at, take_over
    from cra_pipeline.gates.stage.bases import base_report

    layout = current_layout()
    found = looked_at(layout, folder, replaces=replaces, role=role)
    click.echo(f"{folder}: hashes, configuration, tokenizer, tensors and a forward pass hold")
    if trial:
        _try(found, round_name)
        return

    def gate(untuned: str, tuned: str) -> GateReport:
        return base_report(layout, round_name, untuned=untuned, tuned=tuned, role=role)

    record, said = take_over(layout, found, round_name, gate)
    click.echo(said)
    void = _void(layout, found.old.content_id)
    click.echo(f"{record.base_id} stands in the place of {replaces}")
    click.echo(f"void: {', '.join(void) or 'no adapter was trained on the old one'}")


def _void(layout: Layout, digest: str) -> list[str]:
    """Versions on a base that are void, once the registry has heard of the new one."""
    from cra_pipeline.registry.stage.settling import settled

    with settled(layout) as book:
        return [
            row.version
            for kind in book.standing.kinds
            for row in book.standing.of_kind(kind)
            if row.state == "void" and row.base_digest == digest
        ]


def _try(found: Returned, round_name: str) -> None:
    from cra_pipeline.adapters.stage.returned import on_trial
    from cra_pipeline.definitions.resources import SandboxedTests
    from cra_pipeline.harness.stage.holdout_attempts import Means, hold_bases
    from cra_pipeline.harness.stage.holdout_check import check_holdout_attempts

    layout = current_layout()
    record = on_trial(layout, found)
    tests = SandboxedTests()
    asked = _Asked(asset_key="holdout_attempts", partition_key=round_name)
    with display() as shown:
        shown.started(f"{found.old.base_id} and {record.base_id} plan", 1, 1)
        means = Means(
            runner=tests.runner(layout), sandbox=tests.sandbox(), progress=shown.of(asked)
        )
        report = hold_bases(
            layout, round_name, untuned=found.old.base_id, tuned=record.base_id, means=means
        )
    if findings := check_holdout_attempts(layout, report.manifest.partition).findings:
        raise click.ClickException("; ".join(findings[:3]))
    click.echo(f"{report.manifest.rows} attempts; now the same command without --trial")


@base.command(name="list")
def list_() -> None:
    """All bases, obsolete ones included."""
    from cra_pipeline.integrations.bases import list_bases

    records = list_bases(current_layout())
    gone = {record.replaces: record.base_id for record in records if record.replaces}
    table = Table("base", "name", "window", "content", "gate 1", "stands", box=None)
    for record in records:
        stands = f"no: {gone[record.base_id]}" if record.base_id in gone else "yes"
        stands = "on trial" if record.on_trial else stands
        gated = record.gate_1[:_DIGITS] or "none"
        row = (record.base_id, record.name, str(record.window), record.content_id[:_DIGITS])
        table.add_row(*row, gated, stands)
    if records:
        tables().print(table)
    else:
        click.echo(
            "no base is imported: cra-pipeline base import FOLDER --role … --name …; base tiny "
            "makes one for a trial"
        )


@base.command(name="tiny")
@click.option("--name", default="tiny", show_default=True, help="Upstream name that it goes by.")
@click.option(
    "--text",
    "paths",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="Its tokenizer learns from this file.",
)
def tiny(name: str, paths: tuple[Path, ...]) -> None:
    """Make and import a base of some hundred kilobytes, which has learnt nothing."""
    from tempfile import TemporaryDirectory

    from cra_pipeline.integrations.bases import import_base
    from cra_pipeline.integrations.training.tiny_base import make_tiny_base

    layout = current_layout()
    with TemporaryDirectory() as folder:
        made = Path(folder)
        make_tiny_base((path.read_text("utf-8") for path in paths), made)
        record = import_base(layout, made, role="tiny", name=name)
    click.echo(f"{record.base_id}: {record.parameters} parameters, {record.content_id[:_DIGITS]}")
