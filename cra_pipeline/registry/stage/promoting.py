"""Versions go into service and out of it: intent, raw database, the switch, done."""

from __future__ import annotations

import time
from typing import Protocol

from cra_pipeline.contracts.registry import LedgerLine, VersionState
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RegistryError
from cra_pipeline.registry.rules import (
    BY_HAND,
    OVERRIDDEN,
    REGRESSED,
    report_findings,
    round_findings,
    state_findings,
)
from cra_pipeline.registry.stage.book import Book, Clock
from cra_pipeline.registry.stage.databases import put_in_service
from cra_pipeline.registry.stage.evidence import gate_report, round_gate
from cra_pipeline.registry.stage.keeping import require_kept
from cra_pipeline.registry.stage.registering import code
from cra_pipeline.registry.stage.settling import finish, settled


class Advice(Protocol):
    """What a gate says of a version in service that became worse."""

    @property
    def version(self) -> str:
        """Such as ``scope-v3``."""
        ...

    @property
    def reason(self) -> str:
        """What fell, with its interval."""
        ...


def promote(
    layout: Layout,
    adapter_kind: str,
    version: str,
    *,
    override: str = "",
    clock: Clock = time.time,
) -> LedgerLine:
    """Put a version in service, on the evidence that is re-read now.

    Args:
        layout: The workspace.
        adapter_kind: Its kind.
        version: One that is registered.
        override: Why it is to serve though its gates do not allow it, and by whom; then the next
            check takes it out again. Empty for an ordinary promotion.
        clock: Seconds since the epoch.

    Returns:
        The line that put it in service; the old one where it serves already.

    Raises:
        RegistryError: It may not be promoted; every reason is told, and what serves stays.
        CheckError: Its evidence is missing, unchecked or edited.
        StoreError: A database or the ledger cannot be written; the next act undoes this one.
    """
    with settled(layout, clock) as book:
        row = book.version(version, adapter_kind)
        if row.state == "active":
            return book.standing.since[adapter_kind]
        gate = _require_permitted(book, row, override=bool(override))
        require_kept(layout, row)
        return switched(book, row, round_gate=gate, override=override)


def refusals(book: Book, row: VersionState) -> tuple[str, ...]:
    """Every reason against a version's promotion; nothing where it may serve.

    Raises:
        CheckError: Its evidence is missing, unchecked or edited.
    """
    report = gate_report(book.layout, row.adapter_kind, row.round)
    found = state_findings(row, book.standing) + report_findings(row, report, book.standing)
    if found:
        return found
    return round_findings(row, round_gate(book.layout, row.round))


def _require_permitted(book: Book, row: VersionState, *, override: bool) -> str:
    """Digest of the round gate that allows it; empty for an override."""
    found = state_findings(row, book.standing) if override else refusals(book, row)
    if found:
        way = "" if override else "; or give --override REASON, which the next check undoes"
        raise RegistryError(f"{row.version} is not promoted: {'; '.join(found)}{way}")
    return "" if override else round_gate(book.layout, row.round).digest()


def switched(
    book: Book, row: VersionState, *, round_gate: str = "", override: str = ""
) -> LedgerLine:
    """Carry out a promotion that is allowed."""
    intent = book.append(
        "promotion_intended",
        adapter_kind=row.adapter_kind,
        version=row.version,
        from_version=book.standing.active.get(row.adapter_kind, ""),
        round=row.round,
        base_digest=row.base_digest,
        adapter_digest=row.adapter_digest,
        gate_report=row.gate_report,
        round_gate=round_gate,
        code=code(),
        reason=override,
        override=bool(override),
    )
    put_in_service(book, row.adapter_kind, row.version, intent.at)
    return finish(book, intent)


def roll_back(
    layout: Layout, adapter_kind: str, *, reason: str, clock: Clock = time.time
) -> LedgerLine:
    """Put the version before in service again; where there was none, the base alone serves.

    Args:
        layout: The workspace.
        adapter_kind: Its kind.
        reason: Why, and by whom.
        clock: Seconds since the epoch.

    Raises:
        RegistryError: No version of the kind serves, or the one before is no longer whole.
        StoreError: A database or the ledger cannot be written; the next act undoes this one.
    """
    with settled(layout, clock) as book:
        return backed(book, adapter_kind, f"{BY_HAND}: {reason}")


def backed(book: Book, adapter_kind: str, reason: str) -> LedgerLine:
    """Carry out a rollback.

    Raises:
        RegistryError: No version serves, or the one before is no longer whole.
    """
    active = book.standing.active.get(adapter_kind, "")
    if not active:
        raise RegistryError(
            f"{adapter_kind}: no version is in service, so there is nothing to roll back; see "
            "`cra-pipeline registry`"
        )
    version = book.standing.before(adapter_kind)
    row = book.standing.versions.get(version)
    if row is not None:
        _require_way_back(book, row)
    intent = book.append(
        "rollback_intended",
        adapter_kind=adapter_kind,
        version=version,
        from_version=active,
        round=row.round if row else "",
        base_digest=row.base_digest if row else "",
        adapter_digest=row.adapter_digest if row else "",
        gate_report=row.gate_report if row else "",
        code=code(),
        reason=reason,
    )
    put_in_service(book, adapter_kind, version, intent.at)
    return finish(book, intent)


def _require_way_back(book: Book, row: VersionState) -> None:
    """Refuse to put files in service that are not those which served."""
    try:
        require_kept(book.layout, row)
    except RegistryError as error:
        raise RegistryError(
            f"{error}; or retire it (cra-pipeline retire {row.version}): then a rollback leads to "
            "the version before it, or to the base"
        ) from error


def roll_back_regressed(layout: Layout, advice: Advice) -> LedgerLine | None:
    """Take a version out of service that became worse; None where it serves no longer.

    Raises:
        RegistryError: There is no such version.
        StoreError: A database or the ledger cannot be written; the next act undoes this one.
    """
    with settled(layout) as book:
        return backed_regressed(book, advice)


def backed_regressed(book: Book, advice: Advice) -> LedgerLine | None:
    """As ``roll_back_regressed``, for who holds the ledger already."""
    row = book.version(advice.version)
    if row.state != "active":
        return None
    return backed(book, row.adapter_kind, f"{REGRESSED}: {advice.reason}")


def backed_overrides(book: Book, adapter_kind: str) -> tuple[LedgerLine, ...]:
    """Roll back until what serves was promoted on its gates."""
    done = []
    while (active := book.standing.active.get(adapter_kind)) is not None:
        if not book.standing.versions[active].override:
            break
        why = book.standing.since[adapter_kind].reason
        done.append(backed(book, adapter_kind, f"{OVERRIDDEN}: {active} was promoted ({why})"))
    return tuple(done)


def retire(layout: Layout, version: str, *, reason: str) -> LedgerLine:
    """Have a version never serve again; its files and its lines stay.

    Raises:
        RegistryError: It serves, is retired already, or is not known.
    """
    with settled(layout) as book:
        row = book.version(version)
        if row.state == "active":
            raise RegistryError(
                f"{version} is in service: roll it back first "
                f"(cra-pipeline rollback {row.adapter_kind}), then retire it"
            )
        return book.append(
            "retired",
            adapter_kind=row.adapter_kind,
            version=version,
            round=row.round,
            base_digest=row.base_digest,
            adapter_digest=row.adapter_digest,
            gate_report=row.gate_report,
            reason=reason,
        )
