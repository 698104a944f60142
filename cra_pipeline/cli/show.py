"""``show``: rows of an asset, for a reader or for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click
from rich.table import Table

from cra_pipeline.cli.plan import PER_REPO
from cra_pipeline.cli.show_adapters import show_adapters
from cra_pipeline.cli.show_datasets import show_datasets, show_trace
from cra_pipeline.cli.show_gates import show_gates
from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.home import current_layout


@dataclass(frozen=True, slots=True)
class Shown:
    """How one asset is shown.

    Attributes:
        columns: Head of each column of the readable table, its width (0: what is left), and the
            text of a row's cell.
        good: Whether a row is of the qualified ones; None where rows are not judged.
    """

    asset: str
    record: type[Record]
    columns: dict[str, tuple[int, Callable[[Any], str]]]
    good: Callable[[Any], bool] | None = None


SHOWN = {
    "commits": Shown(
        "commits",
        CommitRow,
        {
            "commit": (12, lambda row: row.sha[:12]),
            "verdict": (20, lambda row: row.type if row.qualified else row.reason),
            "evidence": (26, lambda row: row.evidence),
            "subject": (0, lambda row: row.subject),
        },
        lambda row: bool(row.qualified),
    ),
    "tasks": Shown(
        "tasks",
        TaskRow,
        {
            "task": (30, lambda row: row.task_id),
            "verdict": (20, lambda row: "admitted" if row.admitted else row.reason),
            "f2p": (4, lambda row: str(len(row.fail_to_pass))),
            "p2p": (4, lambda row: str(len(row.pass_to_pass))),
            "statement": (0, lambda row: (row.statement.splitlines() or [""])[0]),
        },
        lambda row: bool(row.admitted),
    ),
    "attempts": Shown(
        "attempts",
        AttemptRow,
        {
            "attempt": (12, lambda row: row.attempt_id[:12]),
            "task": (24, lambda row: row.task_id),
            "agent": (30, lambda row: f"{row.agent} {row.configuration}"),
            "outcome": (10, lambda row: row.outcome.value),
            "reason": (0, lambda row: row.reason),
        },
        lambda row: row.outcome is Outcome.PASSED,
    ),
    "triples": Shown(
        "triples",
        TripleRow,
        {
            "triple": (12, lambda row: row.triple_id[:12]),
            "task": (30, lambda row: row.task_id),
            "call": (14, lambda row: row.call_kind),
            "outcome": (13, lambda row: row.outcome.value),
            "reason": (0, lambda row: row.reason),
        },
        lambda row: row.outcome is Outcome.PASSED,
    ),
    "pairs": Shown(
        "preference_pairs",
        PreferencePair,
        {
            "pair": (12, lambda row: row.pair_id[:12]),
            "task": (30, lambda row: row.task_id),
            "why the rejected one lost": (0, lambda row: row.reason),
        },
    ),
}


DATASETS, GATES, ADAPTERS = "datasets", "gates", "adapters"


@click.command()
@click.argument("asset", type=click.Choice([*SHOWN, DATASETS, GATES, ADAPTERS]))
@click.option("--repo", "repos", multiple=True, help="Repository; else all that have rows.")
@click.option("--round", "round_name", help="Round, such as r01; else all.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many rows.")
@click.option("--qualified", "good", flag_value="yes", help="Qualified, admitted or passed.")
@click.option("--rejected", "good", flag_value="no", help="All others.")
@click.option("--reason", help="Rows with this reason only.")
@click.option("--trace", metavar="ROW", help="Way back from a row of a dataset, by its id.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each row.")
def show(  # noqa: PLR0913  # one argument for each option of the command
    *,
    asset: str,
    repos: tuple[str, ...],
    round_name: str | None,
    limit: int | None,
    good: str | None,
    reason: str | None,
    trace: str | None,
    as_json: bool,
) -> None:
    """Rows of ASSET, in the order in which they are stored; of the last three one line each."""
    if trace is not None and asset != DATASETS:
        raise click.UsageError(f"--trace goes back from datasets, not from {asset}")
    if asset in {DATASETS, GATES, ADAPTERS}:
        if repos or good or reason is not None:
            raise click.UsageError(f"{asset} are listed by --round and --limit alone")
        if asset != DATASETS:
            listed = show_gates if asset == GATES else show_adapters
            listed(current_layout(), round_name=round_name, limit=limit, as_json=as_json)
            return
        _show_datasets(trace, round_name, limit, as_json=as_json)
        return
    shown = SHOWN[asset]
    if good and shown.good is None:
        raise click.UsageError(f"{asset} are not judged: leave out --qualified and --rejected")
    layout = current_layout()
    rows = _first(
        (
            row
            for partition in _partitions(layout, shown.asset, repos, round_name)
            for row in _rows(layout, shown, partition)
            if _wanted(shown, row, good, reason)
        ),
        limit,
    )
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.model_dump(mode="json"), ensure_ascii=False))
    else:
        _print(shown, rows)


def _show_datasets(
    trace: str | None, round_name: str | None, limit: int | None, *, as_json: bool
) -> None:
    layout = current_layout()
    if trace is None:
        show_datasets(layout, round_name=round_name, limit=limit, as_json=as_json)
    elif not show_trace(layout, trace, as_json=as_json):
        sys.exit(1)


def _partitions(
    layout: Layout, asset: str, repos: tuple[str, ...], round_name: str | None
) -> list[str]:
    """Keys of the stored partitions that are asked for, sorted.

    Raises:
        StoreError: A repository named has none.
    """
    depth = 1 if asset in PER_REPO else 2
    folders = (layout.root / asset).glob("/".join(["*"] * depth + [f"{asset}.parquet"]))
    keys = sorted(
        MULTI.join(path.parent.relative_to(layout.root / asset).parts) for path in folders
    )
    if round_name and depth == 2:  # noqa: PLR2004  # repo and round
        keys = [key for key in keys if key.endswith(MULTI + round_name)]
    for repo in repos:
        if not any(key.partition(MULTI)[0] == repo for key in keys):
            raise StoreError(
                f"{layout.root / asset}: nothing of {repo}"
                f"{f' in {round_name}' if round_name else ''}; make it: "
                f"cra-pipeline run {asset} --repo {repo}"
            )
    return [key for key in keys if not repos or key.partition(MULTI)[0] in repos]


def _rows(layout: Layout, shown: Shown, partition: str) -> Iterator[Record]:
    from cra_pipeline.integrations.files import iterate_table

    return iterate_table(layout.table(shown.asset, partition), shown.record)


def _wanted(shown: Shown, row: Any, good: str | None, reason: str | None) -> bool:  # noqa: ANN401  # any record
    if reason is not None and row.reason != reason:
        return False
    return good is None or shown.good is None or shown.good(row) == (good == "yes")


def _first(rows: Iterator[Record], limit: int | None) -> Iterator[Record]:
    for number, row in enumerate(rows):
        if limit is not None and number >= limit:
            return
        yield row


def _print(shown: Shown, rows: Iterator[Record]) -> None:
    table = Table(box=None, expand=True)
    for head, (width, _) in shown.columns.items():
        table.add_column(
            head, width=width or None, ratio=None if width else 1, no_wrap=True, overflow="ellipsis"
        )
    for row in rows:
        table.add_row(*(" ".join(cell(row).split()) for _, cell in shown.columns.values()))
    tables().print(table)
    if not table.row_count:
        click.echo("no rows")
