"""Reports as rows of a table of at most 100 columns, for ``cra-pipeline show gates``. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from cra_pipeline.contracts.gates import ArmFigure, GateReport, RoundGateReport
from cra_pipeline.contracts.rounds import round_number

WIDTHS = {"gate": 22, "decision": 10, "tasks": 5, "base": 6, "in service": 10, "new": 6, "why": 27}
"""Columns with their widths: together 100 with two spaces between them. ``base``, ``in service``
and ``new`` are the primary metric in percent."""
_DECISIONS = {"not_enough_evidence": "open"}


def gate_rows(
    reports: Iterable[GateReport], rounds: Iterable[RoundGateReport] = ()
) -> tuple[dict[str, str], ...]:
    """One row per report, by round and then by kind, Gates 1 and 2 behind the kinds of a round."""
    found = [(round_number(item.round), 0, item.adapter_kind, _row(item)) for item in reports]
    for item in rounds:
        for number, decision in ((1, item.gate_1), (2, item.gate_2)):
            row = _round_row(item, number, decision)
            found.append((round_number(item.round), number, "", row))
    return tuple(row for *_, row in sorted(found, key=lambda entry: entry[:3]))


def _row(report: GateReport) -> dict[str, str]:
    why = [item.name for item in report.requirements if item.holds is not True]
    # What decides a promotion comes first: thresholds are floors alone.
    why.sort(key=lambda name: not name.startswith("gain_against_"))
    return _cut(
        {
            "gate": f"{report.round} {report.adapter_kind}",
            "decision": _DECISIONS.get(report.decision, report.decision),
            "tasks": str(report.tasks),
            "base": _value(report.figures, "base", report.primary),
            "in service": _value(report.figures, "incumbent", report.primary),
            "new": _value(report.figures, "candidate", report.primary),
            "why": _first(why),
        }
    )


def _round_row(report: RoundGateReport, number: int, decision: str) -> dict[str, str]:
    name = f"gate_{number}:"
    why = [
        item.name.removeprefix(name)
        for item in report.requirements
        if item.name.startswith(name) and item.holds is not True
    ]
    return _cut(
        {
            "gate": f"{report.round} Gate {number}",
            "decision": _DECISIONS.get(decision, decision),
            "tasks": str(report.tasks) if number == 2 else "",  # noqa: PLR2004  # Gate 2 has tasks
            "base": "",
            "in service": "",
            "new": "",
            "why": _first(why if decision != "passed" else _waived(report, number)),
        }
    )


def _waived(report: RoundGateReport, number: int) -> list[str]:
    return ["waived"] if number == 1 and any("waived" in item.found for item in
                                             report.requirements) else []  # fmt: skip


def _first(why: list[str]) -> str:
    return f"{why[0]}{f' +{len(why) - 1}' if len(why) > 1 else ''}" if why else ""


def _value(figures: Iterable[ArmFigure], arm: str, metric: str) -> str:
    for item in figures:
        if (item.arm, item.metric) == (arm, metric) and item.estimate is not None:
            return f"{100 * item.estimate.value:.1f}"
    return ""


def _cut(row: dict[str, str]) -> dict[str, str]:
    return {
        name: text if len(text) <= WIDTHS[name] else f"{text[: WIDTHS[name] - 1]}…"
        for name, text in row.items()
    }
