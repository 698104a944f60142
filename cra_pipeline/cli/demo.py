"""``demo``: the whole loop on seven tiny repositories, without network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cra_pipeline.cli.ask_promoted import ask_promoted
from cra_pipeline.cli.campaign import CONFIGURATIONS, campaign_settings
from cra_pipeline.cli.demo_loop import (
    KIND,
    close_loop,
    force,
    print_loop,
    require_shown,
    round_cells,
    second_round,
    tell_failures,
)
from cra_pipeline.cli.outcomes import print_outcomes
from cra_pipeline.cli.plan import ASSETS, PER_ROUND, Cell, chain, missing
from cra_pipeline.cli.terminal import display, tables
from cra_pipeline.contracts.campaigns import CampaignSpec, ResponderSpec
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.home import current_layout

if TYPE_CHECKING:
    from cra_pipeline.cli.execute import CellResult, Runner

LAST = ASSETS[-1]

PATIENCE = {"wall_s": 30.0, "cpu_s": 6}
"""Limits of one test run: the tiny suites take a second, and some of their changes hang."""

NEAR_MISSES = {"limit": 5}
"""Newest tasks of each repository on which near misses are tried: enough of them for pairs."""


_NEXT = ("cra-pipeline status", "cra-pipeline show gates", "cra-pipeline registry", "dagster dev")


@click.command()
@click.option("--second", is_flag=True, hidden=True)
def demo(*, second: bool) -> None:
    """The whole loop on seven tiny repositories, two rounds of it, offline after set-up.

    A second run makes only what is missing, so an interrupted demo goes on where it stopped.
    """
    layout = current_layout()
    if second:
        _second_round(layout)
    else:
        _first_round(layout)
        # A process of its own: Dagster learns of rounds when its definitions are loaded.
        command = [sys.executable, "-c", "from cra_pipeline.cli import main; main()"]
        sys.exit(subprocess.run([*command, "demo", "--second"], check=False).returncode)


def _first_round(layout: Layout) -> None:
    from cra_pipeline.cli.execute import Settings, dagster_runner
    from cra_pipeline.cli.offline import offline_index
    from cra_pipeline.corpus.stage import seed_tiny

    repos = [source.name for source in seed_tiny(layout)]
    record = _opened(layout)
    lines = [missing(layout, chain(LAST, repo, record.round)) for repo in repos]
    with (
        offline_index(layout) as index,
        display() as shown,
        dagster_runner(layout, repos, shown) as runner,
    ):
        offline = {"index_url": index.url, "index_label": index.label}
        settings: Settings = {
            "repo_packages": offline, "tasks": PATIENCE, "attempts": {**PATIENCE, **NEAR_MISSES},
        }  # fmt: skip
        results = [*runner.run_lines(lines, settings)]
        spec, agent = _campaign(record)
        results += _campaigned(runner, layout, spec)
        _print_summary(layout, repos, record.round)
        click.echo(f"\n{agent}, its calls answered from the commits themselves:")
        print_outcomes(layout, spec)
        tell_failures(results)
        click.echo(f"\nround {record.round}: datasets, an adapter for {KIND}, and its gate")
        tell_failures(close_loop(runner, layout, record.round, PATIENCE, control=False))
        require_shown(layout, record.round, promoted=True)


def _second_round(layout: Layout) -> None:
    from cra_pipeline.cli.execute import dagster_runner

    record = second_round(layout)
    click.echo(f"\nround {record.round}: the same with exchanged answers, which a gate must refuse")
    with (
        display() as shown,
        dagster_runner(layout, [name for name, _ in record.pins], shown) as runner,
    ):
        tell_failures(_campaigned(runner, layout, _campaign(record)[0]))
        tell_failures(close_loop(runner, layout, record.round, PATIENCE, control=True))
        require_shown(layout, record.round, promoted=False)
        tell_failures(force(runner, layout, record.round))
    click.echo("\nboth rounds:")
    print_loop(layout)
    ask_promoted(layout, KIND)
    made = (*ASSETS, *(cell.asset for cell in round_cells(record.round)), "registry")
    tables().print(f"\neverything lies in {layout.root}: {', '.join(made)}")
    click.echo(f"\nlook closer: {'; '.join(_NEXT)}")


def _opened(layout: Layout) -> RoundRecord:
    """The round of the tiny repositories; opened if there is none."""
    from cra_pipeline.corpus.stage import ensure_first_round

    return ensure_first_round(layout)


def _campaigned(runner: Runner, layout: Layout, spec: CampaignSpec) -> list[CellResult]:
    from cra_pipeline.harness.stage.campaigns import begin_campaign

    begin_campaign(layout, spec)
    lines = [
        tuple(Cell(asset, f"{repo}|{spec.round}") for asset in PER_ROUND) for repo in spec.repos
    ]
    return list(runner.run_lines(lines, campaign_settings(spec)))


def _campaign(record: RoundRecord) -> tuple[CampaignSpec, str]:
    """A gold campaign on all tasks that may be trained on, and what stands for the agent in it."""
    from cra_pipeline.integrations.clean_room.installed import AGENT_VARIABLE
    from cra_pipeline.integrations.clean_room.programs import any_program

    program = any_program(os.environ)
    spec = CampaignSpec(
        name="demo",
        program=program.digest,
        round=record.round,
        repos=tuple(name for name, _ in record.pins if name not in record.held_out),
        responder=ResponderSpec(name="gold"),
        settings=CONFIGURATIONS["plain"],
        # Only where the task text names no file is the agent in doubt about all of them.
        forms=("metadata",),
    )
    named = "" if os.environ.get(AGENT_VARIABLE) else f" (the real one: set {AGENT_VARIABLE})"
    return spec, f"{program.name}{named}"


def _print_summary(layout: Layout, repos: Sequence[str], round_name: str) -> None:
    from cra_pipeline.cli.status import line_of

    heads = ("commits", "qualified", "tasks", "attempts", "triples", "pairs")
    table = Table("repo", *heads, box=None)
    totals = [0] * len(heads)
    for repo in repos:
        state = {item.cell.asset: item for item in line_of(layout, repo, round_name)}
        rows = {asset: item.manifest.rows if item.manifest else 0 for asset, item in state.items()}
        numbers = [
            rows["commits"],
            state["commits"].kept,
            state["tasks"].kept,
            rows["attempts"],
            rows["triples"],
            rows["preference_pairs"],
        ]
        totals = [sum(pair) for pair in zip(totals, numbers, strict=True)]
        table.add_row(repo, *(str(number) for number in numbers))
    table.add_row("all", *(str(number) for number in totals), style="bold")
    tables().print(table)
