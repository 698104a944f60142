"""``status``: per repository and round, what is done, what was dropped and why, what comes next."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import click
from pyarrow import parquet
from rich.table import Table

from cra_pipeline.cli.plan import ASSETS, PER_REPO, Cell, is_current, partition_of
from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.rounds import RoundRecord, round_number
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS

JUDGED = frozenset({"commits", "repo_packages", "tasks"})
"""Assets whose rows may be dropped, and then say why in their column ``reason``."""

_REASONS_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStatus:
    """One partition as it lies on disk.

    Attributes:
        current: Whether it is done, checked and made of what its upstream holds now.
        manifest: None where the partition is missing.
        dropped: Rows by the reason for which they were dropped, most frequent first.
    """

    cell: Cell
    repo: str
    round: str
    current: bool
    manifest: AssetManifest | None
    dropped: dict[str, int]

    @property
    def kept(self) -> int:
        """Rows that were not dropped."""
        if self.manifest is None:
            return 0
        return self.manifest.rows - sum(self.dropped.values())

    @property
    def words(self) -> str:
        """For a table: rows (of all, where some are dropped), ``-`` if missing, a star if stale."""
        if self.manifest is None:
            return "-"
        of_all = f"/{self.manifest.rows}" if self.cell.asset in JUDGED else ""
        return f"{self.kept}{of_all}{'' if self.current else '*'}"


@click.command()
@click.option("--repo", "repos", multiple=True, help="Repository; else all that are begun.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each partition.")
def status(*, repos: tuple[str, ...], as_json: bool) -> None:
    """What is done, what was dropped and why, what is missing, and what comes next."""
    from cra_pipeline.corpus.stage import known_sources, read_rounds

    layout = current_layout()
    known = tuple(source.name for source in known_sources(layout))
    if strange := sorted(set(repos) - set(known)):
        raise click.UsageError(f"{', '.join(strange)}: not known here: cra-pipeline add SOURCE")
    rounds = read_rounds(layout)
    lines = [
        line_of(layout, repo, name)
        for repo in repos or _begun(layout, known)
        for name in rounds_of(rounds, repo) or [""]
    ]
    if as_json:
        for line in lines:
            _print_json(line)
    else:
        _print(lines)
        click.echo(f"{len(known)} repositories are known; * marks what is out of date")
        _print_service(layout)


def rounds_of(rounds: Iterable[RoundRecord], repo: str) -> list[str]:
    """Names of the rounds that list a repository, in their order."""
    return sorted((record.round for record in rounds if record.pin(repo)), key=round_number)


def line_of(layout: Layout, repo: str, round_name: str) -> tuple[CellStatus, ...]:
    """State of every asset of one repository; in no round, only of those without rounds."""
    assets = ASSETS if round_name else PER_REPO
    cells = [Cell(asset, partition_of(asset, repo, round_name)) for asset in assets]
    return tuple(
        CellStatus(
            cell=cell,
            repo=repo,
            round=round_name,
            current=is_current(layout, cell),
            manifest=_manifest(layout, cell),
            dropped=_dropped(layout, cell),
        )
        for cell in cells
    )


def next_step(line: tuple[CellStatus, ...]) -> str:
    """Name of the first asset that is missing or out of date; empty where all is done."""
    return next((state.cell.asset for state in line if not state.current), "")


def _manifest(layout: Layout, cell: Cell) -> AssetManifest | None:
    try:
        return read_record(layout.manifest(cell.asset, cell.partition), AssetManifest)
    except StoreError:
        return None


def _dropped(layout: Layout, cell: Cell) -> dict[str, int]:
    path = layout.table(cell.asset, cell.partition)
    if cell.asset not in JUDGED or not path.exists():
        return {}
    # One column: the other ones of a table may be large.
    reasons = parquet.read_table(path, columns=["reason"]).column("reason").to_pylist()
    counts = Counter(reason.partition(":")[0] for reason in reasons if reason)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _begun(layout: Layout, known: Iterable[str]) -> tuple[str, ...]:
    return tuple(repo for repo in known if layout.partition("repo_snapshots", repo).exists())


def _print_json(line: tuple[CellStatus, ...]) -> None:
    for state in line:
        found = {
            "repo": state.repo,
            "round": state.round if state.cell.asset not in PER_REPO else "",
            "asset": state.cell.asset,
            "state": "missing" if not state.manifest else "done" if state.current else "stale",
            "kept": state.kept,
            "dropped": state.dropped,
            "next": next_step(line),
        }
        click.echo(json.dumps(found, ensure_ascii=False))


def _print(lines: list[tuple[CellStatus, ...]]) -> None:
    heads = ("snapshot", "commits", "packages", "tasks", "attempts", "triples", "pairs")
    table = Table("repo", "round", *heads, "next", box=None)
    for line in lines:
        cells = [state.words for state in line] + ["-"] * (len(ASSETS) - len(line))
        table.add_row(line[0].repo, line[0].round, *cells, next_step(line))
    tables().print(table)
    # What belongs to no round is in the line of each: told once.
    for state in {state.cell: state for line in lines for state in line if state.dropped}.values():
        _print_dropped(state)


def _print_service(layout: Layout) -> None:
    """What serves, and what the last gate of each kind said; nothing is settled by a look."""
    from cra_pipeline.gates.stage.reports import read_gates
    from cra_pipeline.registry.stage.book import read_book

    active = read_book(layout).standing.active
    last = {report.adapter_kind: report for report in read_gates(layout)}
    for kind in ADAPTER_KINDS:
        if kind in active or kind in last:
            gate = f"{last[kind].round} {last[kind].decision}" if kind in last else "none"
            click.echo(
                f"{kind}: {active.get(kind, 'the base alone')} serves; last gate: "
                f"{gate.replace('_', ' ')}"
            )


def _print_dropped(state: CellStatus) -> None:
    shown = list(state.dropped.items())[:_REASONS_SHOWN]
    more = len(state.dropped) - len(shown)
    reasons = ", ".join(f"{reason} {count}" for reason, count in shown)
    text = f"{state.cell.partition} {state.cell.asset}, dropped: {reasons}"
    tables().print(text + (f" and {more} more reasons" if more else ""))
