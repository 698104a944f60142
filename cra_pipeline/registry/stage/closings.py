"""Rounds as the registry sees them: what serves when one is opened, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.rounds import RoundClosing, RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RoundError
from cra_pipeline.integrations.evidence import command_of
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline.registry.closing import Flat, round_closing
from cra_pipeline.registry.stage.book import Book, Clock, closing_path
from cra_pipeline.registry.stage.evidence import GATE, cell_of
from cra_pipeline.registry.stage.settling import settled


def incumbents(layout: Layout) -> tuple[tuple[str, str], ...]:
    """(adapter kind, version) in service now, sorted: what a new round freezes.

    Raises:
        RegistryError: The ledger is damaged.
        StoreError: A database cannot be brought in line.
    """
    with settled(layout) as book:
        return tuple(sorted(book.standing.active.items()))


def close_round(
    layout: Layout, round_name: str, flat: Sequence[Flat], *, clock: Clock = time.time
) -> RoundClosing:
    """Write down what a round came to; once, and from then on the record stands.

    Args:
        layout: The workspace.
        round_name: An opened round.
        flat: Kinds that gain no more, as the gates tell.
        clock: Seconds since the epoch.

    Raises:
        RoundError: The round is not opened, or one of its gate reports was not entered yet.
        RegistryError: The ledger is damaged.
    """
    if (found := closing_of(layout, round_name)) is not None:
        return found
    path = layout.rounds / f"{round_name}.json"
    if not path.exists():
        raise RoundError(f"{path}: missing: {round_name} was never opened: cra-pipeline round open")
    read_record(path, RoundRecord)
    with settled(layout, clock) as book:
        _require_entered(book, round_name)
        closing = round_closing(round_name, book.lines, book.standing, flat, int(clock()))
        write_record(closing_path(layout, round_name), closing)
    return closing


def closing_of(layout: Layout, round_name: str) -> RoundClosing | None:
    """The closing record of a round; None while it is open.

    Raises:
        StoreError: It is damaged.
    """
    path = closing_path(layout, round_name)
    return read_record(path, RoundClosing) if path.exists() else None


def _require_entered(book: Book, round_name: str) -> None:
    known = {
        row.gate_report for row in book.standing.versions.values() if row.state != "registered"
    }
    for kind in ADAPTER_KINDS:
        cell = cell_of(kind, round_name)
        path = book.layout.manifest(GATE, cell)
        if path.exists() and read_record(path, AssetManifest).content_id not in known:
            raise RoundError(
                f"{round_name} is not closed: the registry has not decided on its gate report of "
                f"{kind}; run: {command_of('registry_entry', cell)}"
            )
