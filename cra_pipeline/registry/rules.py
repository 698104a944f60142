"""Why a version may not be promoted: pure rules over the ledger's standing and its evidence."""

from __future__ import annotations

from cra_pipeline.contracts.gates import GateReport, RoundGateReport
from cra_pipeline.contracts.registry import VersionState
from cra_pipeline.registry.standing import AFTER, Standing

BY_HAND = "by hand"
OVERRIDDEN = "override"
REGRESSED = "regression"
"""First words of a rollback's reason; only what was rolled back by hand may come back as it is."""


def state_findings(row: VersionState, standing: Standing) -> tuple[str, ...]:
    """What no override overrides: the version is out of reach, or its base is obsolete."""
    found = []
    if standing.is_void(row.base_digest):
        found.append(
            f"its base {row.base_digest[:12]} is obsolete: train the kind again on the new base"
        )
    elif row.state not in AFTER["promotion_intended"]:
        found.append(
            f"it is {row.state}; expected {', '.join(sorted(AFTER['promotion_intended']))}"
        )
    return tuple(found)


def report_findings(row: VersionState, report: GateReport, standing: Standing) -> tuple[str, ...]:
    """What the gate report of a version says against its promotion, worst first.

    Args:
        row: The version.
        report: As it lies on disk now; the ledger knows the one that was registered.
        standing: Of all versions.
    """
    found = []
    if report.digest() != row.gate_report:
        found.append(
            f"its gate report is {report.digest()[:12]}, the ledger knows "
            f"{row.gate_report[:12]}: it was made again or edited; register the new one"
        )
    for what, said, known in (
        ("base", report.base_digest, row.base_digest),
        ("adapter", report.adapter_digest, row.adapter_digest),
    ):
        if said != known:
            found.append(
                f"its gate report judged {what} {said[:12]}, the version has {known[:12]}: "
                "run the gate on the version's own"
            )
    found += decision_findings(report)
    active = standing.active.get(row.adapter_kind, "")
    if active not in {"", report.incumbent}:
        found.append(
            f"{active} is in service, but the gate compared with "
            f"{report.incumbent or 'no incumbent'}: compare with it in a new round"
        )
    backed = standing.backed.get(row.version)
    if backed is not None and not backed.reason.startswith(BY_HAND):
        found.append(f"it was rolled back ({backed.reason}): train and gate a new version")
    return tuple(found)


def decision_findings(report: GateReport) -> tuple[str, ...]:
    """The gate's own refusal with what does not hold; nothing where it passed."""
    if report.decision == "passed":
        return ()
    short = [
        f"{item.name}: found {item.found}, expected {item.expected}"
        for item in report.requirements
        if item.holds is not True
    ]
    return (f"gate {report.decision}: {'; '.join(short[:3]) or 'no requirement is told'}",)


def round_findings(row: VersionState, gate: RoundGateReport) -> tuple[str, ...]:
    """What Gates 1 and 2 of the round say against a version's promotion."""
    found = []
    candidates = {item.name: item.content_id for item in gate.candidates}
    if candidates.get(row.adapter_kind) != row.gate_report:
        found.append(
            f"the round gate of {gate.round} judged "
            f"{candidates.get(row.adapter_kind, 'no report')[:12]} as {row.adapter_kind}, expected "
            f"{row.gate_report[:12]}: run round_gate again"
        )
    for name, decision in (("1", gate.gate_1), ("2", gate.gate_2)):
        if decision != "passed":
            short = [item.name for item in gate.requirements if item.holds is not True]
            found.append(f"Gate {name} of {gate.round} {decision}: {', '.join(short[:3])}")
    return tuple(found)
