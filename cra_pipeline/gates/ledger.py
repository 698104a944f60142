"""Whether a ledger of versions is whole, and what it says of a version. Pure.

The registry writes the ledger; a gate only asks whether it can be relied on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.registry import LedgerLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A registered version, with the digests of its weights and its base."""

    version: str
    adapter_kind: str
    round: str
    adapter: str
    base: str


def versions(lines: Sequence[LedgerLine]) -> dict[str, Known]:
    """Every registered version."""
    return {
        line.version: Known(
            version=line.version,
            adapter_kind=line.adapter_kind,
            round=line.round,
            adapter=line.adapter_digest,
            base=line.base_digest,
        )
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


def earlier_versions(lines: Sequence[LedgerLine]) -> tuple[Known, ...]:
    """Versions that a promotion took out of service, and that a rollback would bring back."""
    known = versions(lines)
    names = {line.from_version for line in lines if line.act == "promotion_done"}
    return tuple(known[name] for name in sorted(names & known.keys()))
