"""Every act begins here: what was left open is finished or undone, and the databases follow.

The switch is the curated database. An open intent whose version serves there is finished, any
other undone; after that both databases are made to say what the ledger says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.registry import LedgerAct, LedgerLine
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RegistryError
from cra_pipeline.integrations.files import read_record
from cra_pipeline.registry.ledger import REMEDY
from cra_pipeline.registry.stage.book import Book, Clock, held, ledger_path
from cra_pipeline.registry.stage.databases import (
    is_deployed,
    is_serving,
    put_in_service,
    versions_served,
)
from cra_pipeline.registry.stage.keeping import versions_kept
from cra_pipeline.registry.versions import parts_of


@contextmanager
def settled(layout: Layout, clock: Clock = time.time) -> Iterator[Book]:
    """The ledger for one act, with nothing open; a workspace without one is left as it is.

    Raises:
        BusyError: Another caller did not end in time.
        RegistryError: The ledger is damaged.
        StoreError: A database cannot be brought in line.
    """
    with held(layout, clock) as book:
        settle(book)
        yield book


def settle(book: Book) -> None:
    """Finish or undo the open act, enter bases that are new, bring the databases in line.

    Raises:
        RegistryError: There are versions that the ledger does not know.
        StoreError: A database cannot be brought in line.
    """
    _require_all_known(book)
    if book.standing.intent is not None:
        _resolve(book, book.standing.intent)
    _enter_bases(book)
    for kind in book.standing.kinds:
        _align(book, kind)


def _require_all_known(book: Book) -> None:
    """A ledger that was lost, or exchanged for an older one, would give numbers out twice.

    A killed registration leaves files of the version that comes next, and nothing else does.
    """
    served = versions_served(book.layout)
    for version in sorted(served | versions_kept(book.layout)):
        kind, number = parts_of(version)
        known = len(book.standing.of_kind(kind))
        if number > known + (version not in served):
            raise RegistryError(
                f"{ledger_path(book.layout)}: has {known} versions of {kind}, but there was "
                f"{version}: the ledger was lost or exchanged: {REMEDY}"
            )


def finish(book: Book, intent: LedgerLine, *, undo: bool = False) -> LedgerLine:
    """Write the line that closes an open act."""
    rollback = intent.act == "rollback_intended"
    done: LedgerAct = "rollback_done" if rollback else "promotion_done"
    undone: LedgerAct = "rollback_undone" if rollback else "promotion_undone"
    told = intent.model_dump(exclude={"number", "previous", "act", "at"})
    return book.append(undone if undo else done, **told)


def _resolve(book: Book, intent: LedgerLine) -> None:
    reached = is_serving(book, intent.adapter_kind, intent.version)
    target = intent.version if reached else intent.from_version
    put_in_service(book, intent.adapter_kind, target, intent.at)
    finish(book, intent, undo=not reached)


def _align(book: Book, kind: str) -> None:
    version = book.standing.active.get(kind, "")
    if not (is_serving(book, kind, version) and is_deployed(book, kind, version)):
        since = book.standing.since.get(kind)
        put_in_service(book, kind, version, since.at if since else 0)


def _enter_bases(book: Book) -> None:
    """Bases appear on disk; with one that replaces another, adapters of that one are void."""
    folder = book.layout.bases
    paths = sorted(folder.glob("*/base.json")) if folder.is_dir() else []
    found = [read_record(path, BaseRecord) for path in paths]
    records = [record for record in found if not record.on_trial]
    for record in records:
        if record.base_id not in book.standing.bases:
            _append(book, "base_registered", record.base_id, record.content_id)
    for record in records:
        old = record.replaces
        if old in book.standing.bases and old not in book.standing.obsolete:
            digest, why = book.standing.bases[old], f"replaced by {record.base_id}"
            _append(book, "base_obsolete", old, digest, reason=why)


def _append(book: Book, act: LedgerAct, base_id: str, digest: str, *, reason: str = "") -> None:
    book.append(act, adapter_kind="", version=base_id, base_digest=digest, reason=reason)
