"""Which version, or which base, answers which call kind. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.serving import BaseFigures, InService, Route, Routes, ServedAdapter
from cra_pipeline.kinds import CALL_KINDS, adapter_kind_of

_VERSION = re.compile(r".*-base-v([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Versions that answer some calls, or beside others, without being in service.

    Attributes:
        canaries: By adapter kind, a version and its share of the calls, in (0, 1].
        shadows: By adapter kind, a version that is asked and never heard.
    """

    canaries: Mapping[str, tuple[ServedAdapter, float]]
    shadows: Mapping[str, ServedAdapter]

    @property
    def adapters(self) -> tuple[ServedAdapter, ...]:
        """All of them."""
        return (*(adapter for adapter, _ in self.canaries.values()), *self.shadows.values())


NOTHING = Beside(canaries={}, shadows={})


def routes_of(serving: InService, bases: Sequence[BaseFigures], beside: Beside = NOTHING) -> Routes:
    """Who answers each call kind: its adapter kind's version, else the base of its role.

    Args:
        serving: What the ledger says.
        bases: That may serve; none that another one made obsolete.
        beside: Canaries and shadows.
    """
    active = {adapter.adapter_kind: adapter for adapter in serving.adapters}
    by_kind: dict[str, Route] = {}
    refused: dict[str, str] = {}
    for kind, row in CALL_KINDS.items():
        adapter = active.get(adapter_kind_of(kind))
        if adapter is not None:
            by_kind[kind] = _route(adapter)
            continue
        base = base_for(row.role, bases)
        if base is None:
            refused[kind] = (
                f"{kind}: no version is in service for it, and the workspace has no base of role "
                f"{_wanted(row.role)}: cra-pipeline base import"
            )
            continue
        by_kind[kind] = Route(instance=base.base_id, model=base.base_id)
    return Routes(
        by_kind=by_kind,
        refused=refused,
        canaries={
            kind: (_route(adapter), share)
            for name, (adapter, share) in beside.canaries.items()
            for kind in calls_of(name)
        },
        shadows={
            kind: _route(adapter)
            for name, adapter in beside.shadows.items()
            for kind in calls_of(name)
        },
    )


def calls_of(adapter_kind: str) -> tuple[str, ...]:
    """The call kinds that an adapter kind answers, in the agent's order."""
    return tuple(kind for kind in CALL_KINDS if adapter_kind_of(kind) == adapter_kind)


def base_for(role: str, bases: Iterable[BaseFigures]) -> BaseFigures | None:
    """The newest base of a role of the agent; a tiny one serves where there is none."""
    found = tuple(bases)
    for wanted in (_wanted(role), "tiny"):
        of_role = [base for base in found if base.role == wanted]
        if of_role:
            return max(of_role, key=lambda base: _number(base.base_id))
    return None


def _wanted(role: str) -> str:
    # Its classifier asks yes or no, which is the reasoning base's work.
    return "coding" if role == "coding" else "reasoning"


def _number(base_id: str) -> tuple[int, str]:
    matched = _VERSION.fullmatch(base_id)
    return (int(matched[1]) if matched else 0, base_id)


def _route(adapter: ServedAdapter) -> Route:
    return Route(instance=adapter.base_id, model=adapter.version, version=adapter.version)
