"""What a round came to, read from the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from cra_pipeline.contracts.registry import LedgerAct, LedgerLine
from cra_pipeline.contracts.rounds import KindClosing, RoundClosing
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline.registry.standing import Standing

Ending = Literal["promoted", "refused", "rolled_back", "undecided", "none"]
_ENDINGS: Mapping[LedgerAct, Ending] = {
    "promotion_done": "promoted",
    # A version that serves again after one that followed it was rolled back.
    "rollback_done": "promoted",
    "refused": "refused",
}


class Flat(Protocol):
    """A kind that gains no more, as the gates tell it."""

    @property
    def adapter_kind(self) -> str:
        """Key of ``kinds.ADAPTER_KINDS``."""
        ...

    @property
    def advice(self) -> str:
        """What to add, for a person."""
        ...


def round_closing(
    round_name: str,
    lines: Sequence[LedgerLine],
    standing: Standing,
    flat: Sequence[Flat],
    at: int,
) -> RoundClosing:
    """The closing record of a round.

    Args:
        round_name: Its name.
        lines: The whole ledger.
        standing: What it comes to.
        flat: Kinds that gain no more.
        at: Seconds since the epoch.
    """
    return RoundClosing(
        round=round_name,
        kinds=tuple(_kind(kind, round_name, lines, standing) for kind in ADAPTER_KINDS),
        ledger=lines[-1].content if lines else "",
        plateau=tuple(sorted(item.adapter_kind for item in flat)),
        advice=tuple(item.advice for item in sorted(flat, key=lambda item: item.adapter_kind)),
        at=at,
    )


def _kind(
    kind: str, round_name: str, lines: Sequence[LedgerLine], standing: Standing
) -> KindClosing:
    active = standing.active.get(kind, "")
    own = [row.version for row in standing.of_kind(kind) if row.round == round_name]
    if not own:
        return KindClosing(adapter_kind=kind, version="", ending="none", reason="", active=active)
    ending, reason = _ending(own[-1], lines)
    return KindClosing(
        adapter_kind=kind, version=own[-1], ending=ending, reason=reason, active=active
    )


def _ending(version: str, lines: Sequence[LedgerLine]) -> tuple[Ending, str]:
    """The last thing that happened to a version, and why."""
    for line in reversed(lines):
        if line.act == "rollback_done" and line.from_version == version:
            return "rolled_back", line.reason
        if line.version == version and line.act in _ENDINGS:
            # Why another one was rolled back says nothing of the one that serves again.
            again = f"again, after {line.from_version}" if line.act == "rollback_done" else ""
            return _ENDINGS[line.act], again or line.reason
    return "undecided", ""
