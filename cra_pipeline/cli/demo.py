"""``demo``: the whole way on seven tiny repositories, without network."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click
from rich.table import Table

from cra_pipeline.cli.campaign import CONFIGURATIONS, campaign_settings
from cra_pipeline.cli.outcomes import print_outcomes
from cra_pipeline.cli.plan import ASSETS, PER_ROUND, Cell, chain, missing
from cra_pipeline.cli.terminal import display, messages, tables
from cra_pipeline.contracts.campaigns import CampaignSpec, ResponderSpec
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RoundError
from cra_pipeline.integrations.home import current_layout

LAST = ASSETS[-1]

_CAMPAIGN_TASKS = 1
"""Of each repository: enough to see the agent at work."""

PATIENCE = {"wall_s": 90.0, "cpu_s": 15}
"""Limits of one test run: the tiny suites take a second, and some of their changes hang."""


@click.command()
def demo() -> None:
    """Build seven tiny repositories and make everything of them, offline after set-up.

    A second run makes only what is missing, so an interrupted demo goes on where it stopped.
    """
    from cra_pipeline.cli.execute import CellResult, Settings, dagster_runner
    from cra_pipeline.cli.offline import offline_index
    from cra_pipeline.corpus.stage import seed_tiny
    from cra_pipeline.harness.stage.campaigns import begin_campaign

    layout = current_layout()
    repos = [source.name for source in seed_tiny(layout)]
    round_name = _round(layout, repos)
    chains = [chain(LAST, repo, round_name) for repo in repos]
    lines = [missing(layout, cells) for cells in chains]
    results: list[CellResult] = []
    with (
        offline_index(layout) as index,
        display() as shown,
        dagster_runner(layout, repos, shown) as runner,
    ):
        offline = {"index_url": index.url, "index_label": index.label}
        settings: Settings = {
            "repo_packages": offline, "tasks": PATIENCE, "attempts": PATIENCE,
        }  # fmt: skip
        results += runner.run_lines(lines, settings)
        spec, agent = _campaign(repos, round_name)
        begin_campaign(layout, spec)
        again = [
            tuple(Cell(asset, f"{repo}|{round_name}") for asset in PER_ROUND) for repo in repos
        ]
        results += runner.run_lines(again, campaign_settings(spec))
    _print_summary(layout, repos, round_name)
    click.echo(f"\n{agent}, its calls answered from the commits themselves:")
    print_outcomes(layout, spec)
    click.echo(f"\nround {round_name}; everything lies in {layout.root}:")
    for asset in ASSETS:
        click.echo(f"  {layout.root / asset}")
    click.echo(
        "\nlook closer: cra-pipeline status; cra-pipeline show tasks --rejected; dagster dev"
    )
    failed = [result for result in results if result.state == "failed"]
    for result in failed:
        messages().print(f"{result.cell.asset} of {result.cell.partition}: {result.error}")
    if failed:
        sys.exit(1)


def _round(layout: Layout, repos: Sequence[str]) -> str:
    """Round that lists the tiny repositories; opened if there is none."""
    from cra_pipeline.cli.choose import chosen_round
    from cra_pipeline.corpus.stage import open_round

    try:
        return chosen_round(layout, LAST, repos[0], None)
    except RoundError:
        return open_round(layout, repos=repos).round


def _campaign(repos: Sequence[str], round_name: str) -> tuple[CampaignSpec, str]:
    """A small gold campaign, and what stands for the agent in it."""
    from cra_pipeline.integrations.clean_room.installed import AGENT_VARIABLE
    from cra_pipeline.integrations.clean_room.programs import any_program

    program = any_program(os.environ)
    spec = CampaignSpec(
        name="demo",
        program=program.digest,
        round=round_name,
        repos=tuple(sorted(repos)),
        responder=ResponderSpec(name="gold"),
        settings=CONFIGURATIONS["plain"],
        limit=_CAMPAIGN_TASKS,
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
