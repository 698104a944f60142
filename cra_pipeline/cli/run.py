"""``run``: make an asset and everything that it needs."""

from __future__ import annotations

import sys

import click

from cra_pipeline.cli.plan import (
    BUNDLED,
    GATED,
    OVER_KINDS,
    OVER_REPOS,
    PER_KIND,
    WHOLE,
    AssetName,
    Cell,
    of_kind,
    over_round,
)
from cra_pipeline.cli.terminal import display
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RoundError
from cra_pipeline.harness.arms import TOGETHER
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS

TYPE = AssetName()


@click.command()
@click.argument("asset", type=TYPE)
@click.option("--repo", "repos", multiple=True, help="Repository; may be given several times.")
@click.option("--all", "everything", is_flag=True, help="All known repositories.")
@click.option("--round", "round_name", help="Round, such as r01; else the newest that fits.")
@click.option(
    "--kind",
    type=click.Choice([*ADAPTER_KINDS, TOGETHER]),
    help=f"Of a dataset or adapter; {TOGETHER}: holdout attempts of all that passed their gates.",
)
@click.option("--limit", type=click.IntRange(min=0), help="Newest commits of each kind; 0 for all.")
@click.option("--base", help="Of an adapter: id of a base; else the newest that its kind names.")
@click.option(
    "--trainer",
    type=click.Choice(["peft", "unsloth"]),
    help="Of an adapter; else what fits this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each partition.")
def run(  # noqa: PLR0913  # one argument for each option of the command
    *,
    asset: str,
    repos: tuple[str, ...],
    everything: bool,
    round_name: str | None,
    kind: str | None,
    limit: int | None,
    base: str | None,
    trainer: str | None,
    as_json: bool,
) -> None:
    """Make ASSET of some repositories, with everything it needs, through Dagster.

    What stands already and is up to date is not made again, except ASSET itself. A repository
    that fails does not stop the others; the exit status is then 1.
    """
    from cra_pipeline.cli.choose import chosen_repos
    from cra_pipeline.cli.execute import CellResult, dagster_runner, limit_settings, trained_by
    from cra_pipeline.cli.results import print_json, print_table

    layout = current_layout()
    chosen = {name: told for name, told in (("base", base), ("trainer", trainer)) if told}
    if chosen and asset != "adapter":
        raise click.UsageError(f"{asset} is not trained: --base and --trainer are of an adapter")
    if asset in WHOLE:
        if repos or everything or round_name or limit is not None:
            raise click.UsageError(f"{asset} has neither repositories, rounds nor a limit")
        names: tuple[str, ...] = ()
        lines: list[tuple[Cell, ...]] = [(Cell(asset, ""),)]
        refused: dict[str, str] = {}
    elif asset in OVER_REPOS + BUNDLED + OVER_KINDS:
        if repos or everything or limit is not None or not round_name:
            raise click.UsageError(f"{asset} is of a round alone: give --round, such as r01")
        _require_opened(layout, round_name)
        names, refused = (), {}
        lines = [over_round(asset, round_name)]
    elif asset in PER_KIND + GATED:
        if repos or everything or limit is not None or not (round_name and kind):
            raise click.UsageError(f"{asset} is of a kind and a round: give --kind and --round")
        _require_opened(layout, round_name)
        names, refused = (), {}
        above = [Cell(name, round_name) for name in OVER_REPOS[-3:] if asset in PER_KIND]
        lines = [(*above, *of_kind(asset, kind, round_name))]
    else:
        names = chosen_repos(layout, repos, everything=everything)
        lines, refused = _lines(layout, asset, names, round_name, limited=limit is not None)
    results: list[CellResult] = [
        CellResult(cell=Cell(asset, name), state="failed", error=error)
        for name, error in refused.items()
    ]
    if lines:
        with display() as shown, dagster_runner(layout, names, shown) as runner:
            results += runner.run_lines(lines, limit_settings(limit) | trained_by(chosen))
    (print_json if as_json else print_table)(results)
    if any(result.state != "done" for result in results):
        sys.exit(1)


def _require_opened(layout: Layout, round_name: str) -> None:
    """Refuse a round that Dagster would not know; before any is opened it knows the first."""
    from cra_pipeline.corpus.rounds import next_round
    from cra_pipeline.corpus.stage import read_rounds

    rounds = read_rounds(layout)
    known = [record.round for record in rounds] or [next_round(())]
    if round_name not in known:
        raise RoundError(
            f"{round_name}: no such round; there are {', '.join(known)}: cra-pipeline round open"
        )


def _lines(
    layout: Layout,
    asset: str,
    names: tuple[str, ...],
    round_name: str | None,
    *,
    limited: bool,
) -> tuple[list[tuple[Cell, ...]], dict[str, str]]:
    """Cells to make for each repository, and why some repositories cannot be served."""
    from cra_pipeline.cli.choose import chosen_round
    from cra_pipeline.cli.plan import chain, unfinished

    lines: list[tuple[Cell, ...]] = []
    refused: dict[str, str] = {}
    for name in names:
        try:
            cells = chain(asset, name, chosen_round(layout, asset, name, round_name))
        except RoundError as error:
            refused[name] = str(error)
            continue
        lines.append(unfinished(layout, cells, limited=limited))
    return lines, refused
