"""The ledger on disk, held by one caller at a time, with whatever was left open settled first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import filelock

from cra_pipeline.contracts.registry import LedgerAct, LedgerHead, LedgerLine, VersionState
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, RegistryError
from cra_pipeline.integrations.files import read_record, write_bytes, write_record
from cra_pipeline.registry.ledger import drafted, head_of, read_lines
from cra_pipeline.registry.standing import Standing, folded
from cra_pipeline.registry.versions import parts_of

WAIT_S = 60.0
"""How long another caller's act is waited for; one takes a second or two."""

Clock = Callable[[], float]


@dataclass(slots=True, kw_only=True)
class Book:
    """All lines, and what they come to; appended to by whoever holds it.

    Attributes:
        layout: The workspace.
        clock: Seconds since the epoch.
        lines: From the first to the last.
        standing: What they come to.
    """

    layout: Layout
    clock: Clock
    lines: tuple[LedgerLine, ...] = ()
    standing: Standing = field(default_factory=Standing)

    def append(self, act: LedgerAct, **fields: Any) -> LedgerLine:  # noqa: ANN401  # fields of a line, checked by it
        """Write one more line; the ledger is replaced as a whole, so no kill or full disk tears it.

        Raises:
            RegistryError: The line may not follow; nothing was written.
            StoreError: The disk is full; the ledger is as before.
        """
        line = drafted(self.lines, self.clock(), act=act, **fields)
        lines = (*self.lines, line)
        standing = folded(lines)
        text = "".join(f"{one.canonical_json()}\n" for one in lines)
        write_bytes(ledger_path(self.layout), text.encode())
        self.lines, self.standing = lines, standing
        write_record(head_path(self.layout), head_of(line))
        return line

    def version(self, version: str, adapter_kind: str = "") -> VersionState:
        """A version that the ledger knows.

        Raises:
            RegistryError: It knows none of this name, or of another kind.
        """
        try:
            kind, _ = parts_of(version)
        except ValueError as error:
            raise RegistryError(str(error)) from error
        row = self.standing.versions.get(version)
        if row is None or adapter_kind not in {"", kind}:
            known = [item.version for item in self.standing.of_kind(adapter_kind or kind)]
            raise RegistryError(
                f"{version}: no version of {adapter_kind or kind}; there are "
                f"{', '.join(known) or 'none'}: see `cra-pipeline registry`"
            )
        return row


def ledger_path(layout: Layout) -> Path:
    """The ledger's file."""
    return layout.registry / "ledger.jsonl"


def head_path(layout: Layout) -> Path:
    """What is told of its last line apart from it."""
    return layout.registry / "head.json"


def closing_path(layout: Layout, round_name: str) -> Path:
    """What a round came to; there is none while it is open."""
    return layout.rounds / "closed" / f"{round_name}.json"


def read_book(layout: Layout, clock: Clock = time.time) -> Book:
    """The ledger as it lies there, with nothing settled; empty before the first version.

    Raises:
        RegistryError: It is damaged; the message names the line.
    """
    path, head = ledger_path(layout), head_path(layout)
    lines = read_lines(
        path.read_bytes() if path.exists() else b"",
        read_record(head, LedgerHead) if head.exists() else None,
        where=str(path),
    )
    return Book(layout=layout, clock=clock, lines=lines, standing=folded(lines))


@contextmanager
def held(layout: Layout, clock: Clock = time.time) -> Iterator[Book]:
    """The ledger for one act; others wait, a killed one lets go.

    Raises:
        BusyError: Another caller did not end in time.
        RegistryError: It is damaged; the message names the line.
    """
    layout.locks.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(layout.locks / "registry.lock", timeout=WAIT_S)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise BusyError(
            f"the registry is held by another run for over {WAIT_S:.0f} s ({lock.lock_file}): wait "
            "for it, or end that run, then start this one again"
        ) from error
    try:
        yield read_book(layout, clock)
    finally:
        lock.release()
