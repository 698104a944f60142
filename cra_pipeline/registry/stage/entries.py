"""``registry_entry``: what the registry did with the adapter of one kind and round."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.registry import LedgerLine, VersionState
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_record, read_table
from cra_pipeline.registry.rules import decision_findings
from cra_pipeline.registry.stage.book import Book
from cra_pipeline.registry.stage.evidence import GATE, ROUND_GATE, gate_report, round_gate
from cra_pipeline.registry.stage.keeping import (
    Vet,
    kept_report,
    require_kept,
    sound_adapter,
)
from cra_pipeline.registry.stage.promoting import (
    Advice,
    backed_overrides,
    backed_regressed,
    refusals,
    switched,
)
from cra_pipeline.registry.stage.registering import entered
from cra_pipeline.registry.stage.settling import settled

ASSET = "registry_entry"
_SHOWN = 12


def enter(
    layout: Layout, partition: str, *, worse: Iterable[Advice] = (), vet: Vet = sound_adapter
) -> StageReport:
    """Register the adapter of a ``kind|round``, then promote it or write down why not.

    What was rolled back, retired or overridden by a person is left as it is. A version in service
    that became worse is rolled back, unless the new one takes its place.

    Args:
        layout: The workspace.
        partition: ``kind|round``.
        worse: Versions that the round shows to have become worse.
        vet: Judges the adapter's files.

    Raises:
        CheckError: A gate's report is missing, unchecked or edited.
        RegistryError: Adapter and reports do not fit, or the ledger is damaged.
        StoreError: A database or the ledger cannot be written; the next act undoes this one.
    """
    kind, _, round_name = partition.partition(MULTI)
    with partition_lock(layout, ASSET, partition), settled(layout) as book:
        row = entered(book, kind, round_name, vet)
        if row.state in {"registered", "refused"}:
            _decide(book, row)
        for advice in worse:
            if book.version(advice.version).adapter_kind == kind:
                backed_regressed(book, advice)
        lines = [
            line for line in book.lines if (line.adapter_kind, line.round) == (kind, round_name)
        ]
        manifest = seal_table(
            layout,
            ASSET,
            partition,
            lines,
            LedgerLine,
            reasons=[line.act for line in lines],
            inputs=_inputs(layout, kind, round_name),
            policy=json.dumps({}),
        )
    return StageReport(manifest=manifest, preview=tuple(_shown(line) for line in lines))


def _decide(book: Book, row: VersionState) -> None:
    report = gate_report(book.layout, row.adapter_kind, row.round)
    # A round whose candidates all failed has no round gate to ask.
    found = decision_findings(report) or refusals(book, row)
    if not found:
        require_kept(book.layout, row)
        switched(book, row, round_gate=round_gate(book.layout, row.round).digest())
        return
    reason = "; ".join(found)
    told = [line for line in book.lines if line.act == "refused" and line.version == row.version]
    if not told or told[-1].reason != reason:
        book.append(
            "refused",
            adapter_kind=row.adapter_kind,
            version=row.version,
            round=row.round,
            base_digest=row.base_digest,
            adapter_digest=row.adapter_digest,
            gate_report=row.gate_report,
            reason=reason,
        )


def _inputs(layout: Layout, kind: str, round_name: str) -> tuple[Input, ...]:
    cells = [(GATE, f"{kind}{MULTI}{round_name}"), (ROUND_GATE, round_name)]
    return tuple(
        Input(name=f"{asset}/{cell}", content_id=manifest.content_id)
        for asset, cell in cells
        if layout.manifest(asset, cell).exists()
        for manifest in (read_record(layout.manifest(asset, cell), AssetManifest),)
    )


def _shown(line: LedgerLine) -> dict[str, str]:
    return {
        "act": line.act,
        "version": line.version or "(base)",
        "from": line.from_version,
        "report": line.gate_report[:_SHOWN],
        "reason": line.reason,
    }


def check_active(layout: Layout, partition: str) -> CheckReport:
    """Judge what serves a kind: promoted on a passed report, its files whole, its lines kept.

    An override promotion is rolled back on the spot, and is a finding all the same: whoever builds
    on this partition has the check run once more.

    Args:
        layout: The workspace.
        partition: ``kind|round``.

    Raises:
        RegistryError: The ledger is damaged.
        StoreError: The partition was not made yet, or a database cannot be written.
    """
    kind = partition.partition(MULTI)[0]
    manifest = read_record(layout.manifest(ASSET, partition), AssetManifest)
    rows = read_table(layout.table(ASSET, partition), LedgerLine)
    with settled(layout) as book:
        findings = [_words(line) for line in backed_overrides(book, kind)]
        active = book.standing.active.get(kind)
        if active is not None:
            findings += _active_findings(book, book.version(active))
        findings += [
            f"line {row.number + 1} of the partition is not in the ledger"
            for row in rows
            if row not in book.lines[row.number : row.number + 1]
        ]
    return write_check(layout, manifest, findings)


def _active_findings(book: Book, row: VersionState) -> list[str]:
    try:
        report = kept_report(book.layout, row.version)
        require_kept(book.layout, row)
    except PipelineError as error:
        return [str(error)]
    if report.digest() != row.gate_report:
        return [f"{row.version}: its kept gate report was edited: restore it from a backup"]
    return [f"{row.version}: {words}" for words in decision_findings(report)]


def _words(line: LedgerLine) -> str:
    return f"{line.from_version} was rolled back to {line.version or 'the base'}: {line.reason}"
