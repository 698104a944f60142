"""The gates' reports as they lie on disk, re-read and held against their own checks."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from cra_pipeline.contracts.gates import GateReport, RoundGateReport
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import CheckError, StoreError
from cra_pipeline.integrations.evidence import command_of, require_checked
from cra_pipeline.integrations.files import read_record

GATE, ROUND_GATE = "gate_report", "round_gate"
R = TypeVar("R", bound=Record)


def cell_of(adapter_kind: str, round_name: str) -> str:
    """Partition key of one kind and round."""
    return f"{adapter_kind}{MULTI}{round_name}"


def report_path(layout: Layout, adapter_kind: str, round_name: str) -> Path:
    """The gate report of one kind and round."""
    return layout.partition(GATE, cell_of(adapter_kind, round_name)) / "gate.json"


def gate_report(layout: Layout, adapter_kind: str, round_name: str) -> GateReport:
    """The report of one kind and round; a passed one only where its check passed, too.

    Raises:
        CheckError: Missing, unchecked, or not what was checked: edited by hand, or made again.
    """
    cell = cell_of(adapter_kind, round_name)
    report = _judged(layout, GATE, cell, "gate.json", GateReport)
    if (report.adapter_kind, report.round) != (adapter_kind, round_name):
        raise CheckError(
            f"{report_path(layout, adapter_kind, round_name)}: is of {report.adapter_kind} "
            f"{report.round}; run: {command_of(GATE, cell)}"
        )
    if report.decision == "passed":
        require_checked(layout, GATE, cell)
    return report


def round_gate(layout: Layout, round_name: str) -> RoundGateReport:
    """Gates 1 and 2 of a round, passed only where the check passed, too.

    Raises:
        CheckError: Missing, unchecked, or not what was checked: edited by hand, or made again.
    """
    report = _judged(layout, ROUND_GATE, round_name, "round_gate.json", RoundGateReport)
    if report.round != round_name:
        raise CheckError(
            f"{ROUND_GATE} of {round_name}: the file is of {report.round}; run: "
            f"{command_of(ROUND_GATE, round_name)}"
        )
    if "passed" in (report.gate_1, report.gate_2):
        require_checked(layout, ROUND_GATE, round_name)
    return report


def _judged(layout: Layout, asset: str, cell: str, name: str, record: type[R]) -> R:
    """A report whose bytes are those that its manifest and its check name, whatever it decides."""
    path, remedy = layout.partition(asset, cell) / name, f"run: {command_of(asset, cell)}"
    try:
        report = read_record(path, record)
        manifest = read_record(layout.manifest(asset, cell), AssetManifest)
        check = read_record(layout.check(asset, cell), CheckReport)
    except StoreError as error:
        raise CheckError(f"{asset} of {cell} is not ready: {error}; {remedy}") from error
    if report.digest() != manifest.content_id:
        raise CheckError(
            f"{path}: its digest is {report.digest()[:12]}, its manifest says "
            f"{manifest.content_id[:12]}: it was edited after it was written; {remedy}"
        )
    if check.content_id != manifest.content_id:
        raise CheckError(
            f"{layout.check(asset, cell)}: judged {check.content_id[:12]}, but the report is now "
            f"{manifest.content_id[:12]}; {remedy}"
        )
    return report
