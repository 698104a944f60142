"""The ledger of versions: append-only, each line bound to the one before it."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.record import Record

LedgerAct = Literal[
    "registered",
    "refused",
    "promotion_intended",
    "promotion_done",
    "promotion_undone",
    "rollback_intended",
    "rollback_done",
    "rollback_undone",
    "retired",
    "base_registered",
    "base_obsolete",
]


class LedgerLine(Record):
    """Line of ``registry/ledger.jsonl``."""

    number: int
    """From 0, without gaps."""
    previous: str
    """``digest`` of the line before; empty for the first."""
    act: LedgerAct
    adapter_kind: str
    """Empty for acts on bases."""
    version: str
    """Such as ``scope-v3``; of acts on bases the ``base_id``; of a rollback the version that serves
    again, empty where none did before."""
    from_version: str = ""
    """Version that was active before a promotion or rollback; empty where none was."""
    round: str = ""
    base_digest: str = ""
    adapter_digest: str = ""
    recipe: str = ""
    """Digest of the recipe."""
    datasets: tuple[str, ...] = ()
    """Content ids of what it was trained on."""
    gate_report: str = ""
    """Digest of the report that allows the act."""
    round_gate: str = ""
    code: str = ""
    """Version of this project, and its commit where it is known."""
    reason: str = ""
    """Of an override, a refusal, a rollback or a retirement; by whom, where a person acted."""
    override: bool = False
    at: int
    """Seconds since the epoch, never before the line above: a clock that went back is held."""

    @property
    def content(self) -> str:
        """What the next line's ``previous`` must be."""
        return self.digest()


class LedgerHead(Record):
    """``registry/head.json``: the last line, so that lines taken off the end are missed."""

    number: int
    content: str
    """Its ``LedgerLine.content``."""


class VersionState(Record):
    """One version, folded from the ledger."""

    version: str
    adapter_kind: str
    state: Literal["registered", "active", "archived", "retired", "void", "refused"]
    """``archived``: was active; ``void``: its base is obsolete."""
    round: str
    base_digest: str
    adapter_digest: str
    gate_report: str
    override: bool = False
