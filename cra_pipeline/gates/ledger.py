"""Whether a ledger of versions is whole, and what it says of a version. Pure.

The registry writes the ledger; a gate only asks whether it can be relied on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.registry import LedgerLine


@dataclass(frozen=True, slots=True)
class Known:
    """Digests of a registered version."""

    adapter: str
    base: str


def versions(lines: Sequence[LedgerLine]) -> dict[str, Known]:
    """Digests of every registered version, by version."""
    return {
        line.version: Known(line.adapter_digest, line.base_digest)
        for line in lines
        if line.act == "registered"
    }


def broken(lines: Sequence[LedgerLine]) -> str:
    """First thing that makes a ledger unreliable; empty where it is whole."""
    before = ""
    for number, line in enumerate(lines):
        if line.number != number or line.previous != before:
            return f"line {number + 1} does not follow the one before it: the ledger was edited"
        before = line.content
    return _open_intent(lines)


def _open_intent(lines: Sequence[LedgerLine]) -> str:
    under_way = ""
    for line in lines:
        verb, _, stage = line.act.rpartition("_")
        if stage == "intended":
            under_way = f"{verb} of {line.version} was begun and neither done nor undone"
        elif verb in {"promotion", "rollback"}:
            under_way = ""
    return under_way


def rolled_back(lines: Sequence[LedgerLine]) -> bool:
    """Whether any promotion was ever taken back in this workspace."""
    return any(line.act == "rollback_done" for line in lines)
