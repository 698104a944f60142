"""``gate_report``: one candidate judged, as JSON, as a page, and with the check that repeats it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from cra_pipeline.contracts.gates import GateReport, Requirement, RoundGateReport
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Count
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, PipelineError, StoreError
from cra_pipeline.gates.case import Case
from cra_pipeline.gates.page import PLOT, gate_page
from cra_pipeline.gates.policy import GatePolicy, policy_of
from cra_pipeline.gates.stage.reading import adapter_of, base_of, case_of, key_of
from cra_pipeline.gates.verdict import judge
from cra_pipeline.integrations.evidence import command_of, write_check
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    write_bytes,
    write_record,
)
from cra_pipeline.integrations.interval_plots import interval_plot

ASSET = "gate_report"
REPORT, PAGE = "gate.json", "gate.html"
_HOLDS = {True: "holds", False: "fails", None: "too little evidence"}


def gate(layout: Layout, partition: str) -> StageReport:
    """Judge the candidate of a ``kind|round`` and write the report, its page and its plot.

    Raises:
        CheckError: The attempts are missing, unchecked or no evidence: rows that occur twice.
        RoundError: The round is not opened.
        StoreError: A file is missing or damaged, or the disk is full.
        BusyError: Another run is at work on this report.
    """
    with partition_lock(layout, ASSET, partition):
        case, report = _judged(layout, partition)
        folder = layout.partition(ASSET, partition)
        # A kill must not leave an older manifest, and with it an older check, beside a new report.
        layout.manifest(ASSET, partition).unlink(missing_ok=True)
        write_record(folder / REPORT, report)
        write_bytes(folder / PAGE, gate_page(report, case.answers).encode())
        plot = _plot(layout, report)
        (folder / PLOT).unlink(missing_ok=True)
        if plot is not None:
            write_bytes(folder / PLOT, plot)
        manifest = manifest_of(ASSET, partition, report, rows=report.tasks)
        write_record(layout.manifest(ASSET, partition), manifest)
    return StageReport(manifest=manifest, preview=preview_of(report.requirements), plot=plot)


def _judged(layout: Layout, partition: str) -> tuple[Case, GateReport]:
    case = case_of(layout, partition)
    try:
        return case, judge(case, policy_for(layout, partition))
    except ValueError as error:
        raise CheckError(
            f"{error}: these rows are no evidence; run: {command_of('holdout_attempts', partition)}"
        ) from error


def policy_for(layout: Layout, partition: str) -> GatePolicy:
    """Numbers for the base that the candidate was trained from."""
    return policy_of(base_of(layout, adapter_of(layout, partition)).role)


def manifest_of(
    asset: str, partition: str, report: GateReport | RoundGateReport, *, rows: int
) -> AssetManifest:
    """The manifest that holds a report's digest, so that an edited report is recognised."""
    counted = Counter(_HOLDS[item.holds] for item in report.requirements)
    return AssetManifest(
        asset=asset,
        partition=partition,
        rows=rows,
        content_id=report.digest(),
        inputs=tuple(sorted(report.inputs, key=lambda item: item.name)),
        counts=tuple(
            Count(label=label, count=count)
            for label, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        ),
        policy=report.policy,
    )


def preview_of(requirements: tuple[Requirement, ...]) -> tuple[dict[str, str], ...]:
    """Requirements as rows of a table."""
    return tuple(
        {"requirement": item.name, "": _HOLDS[item.holds], "found": item.found,
         "expected": item.expected}
        for item in requirements
    )  # fmt: skip


def _plot(layout: Layout, report: GateReport) -> bytes | None:
    lines = [
        (item.arm, 100 * item.estimate.value, 100 * item.estimate.low, 100 * item.estimate.high)
        for item in report.figures
        if item.metric == report.primary and item.estimate is not None
    ]
    if not lines:
        return None
    title = f"{report.adapter_kind} {report.round}: {report.primary}, {report.tasks} tasks"
    return interval_plot(title, lines, unit="percent", cache=layout.scratch / "matplotlib")


def read_gate(layout: Layout, adapter_kind: str, round_name: str) -> GateReport:
    """A report as it was written.

    Raises:
        StoreError: Missing, or edited since: its digest is not the one that its manifest holds.
    """
    partition = key_of(adapter_kind, round_name)
    path = layout.partition(ASSET, partition) / REPORT
    report = read_record(path, GateReport)
    require_unedited(path, report, read_record(layout.manifest(ASSET, partition), AssetManifest))
    return report


def require_unedited(
    path: Path, report: GateReport | RoundGateReport, manifest: AssetManifest
) -> None:
    """Refuse a report whose digest is not its manifest's.

    Raises:
        StoreError: As said.
    """
    if report.digest() != manifest.content_id:
        raise StoreError(
            f"{path}: its digest is {report.digest()[:12]}, {manifest.asset} wrote "
            f"{manifest.content_id[:12]}: it was edited; run: "
            f"{command_of(manifest.asset, manifest.partition)}"
        )


def read_gates(layout: Layout, round_name: str = "") -> tuple[GateReport, ...]:
    """Reports of one round, or of all, by round and kind.

    Raises:
        StoreError: One was edited.
    """
    found = [
        read_gate(layout, path.parent.parent.name, path.parent.name)
        for path in (layout.root / ASSET).glob(f"*/{round_name or 'r*'}/asset.json")
    ]
    return tuple(sorted(found, key=lambda item: (round_number(item.round), item.adapter_kind)))


def check_gate(layout: Layout, partition: str) -> CheckReport:
    """Decide again from the tables, and compare report and page; store the result.

    Raises:
        StoreError: The report or what it was made of is missing or damaged.
    """
    manifest = read_record(layout.manifest(ASSET, partition), AssetManifest)
    folder = layout.partition(ASSET, partition)
    report = read_record(folder / REPORT, GateReport)
    found = _differences(layout, partition, report, manifest)
    return write_check(layout, manifest, found)


def _differences(
    layout: Layout, partition: str, report: GateReport, manifest: AssetManifest
) -> list[str]:
    found = []
    if report.digest() != manifest.content_id:
        found.append(f"{REPORT} is {report.digest()[:12]}, its manifest says "
                     f"{manifest.content_id[:12]}: it was edited")  # fmt: skip
    try:
        case, again = _judged(layout, partition)
    except PipelineError as error:
        return [*found, f"the tables decide nothing any more: {error}"]
    if again.digest() != manifest.content_id:
        found.append(
            f"the tables give {again.decision} ({again.digest()[:12]}), the report says "
            f"{report.decision} ({manifest.content_id[:12]})"
        )
    page = layout.partition(ASSET, partition) / PAGE
    if not page.exists() or page.read_text(encoding="utf-8") != gate_page(again, case.answers):
        found.append(f"{PAGE} does not show what the tables give")
    policy = json.loads(again.policy)
    if json.loads(report.policy) != policy:
        found.append("the report was decided by other numbers than the house's")
    return found
