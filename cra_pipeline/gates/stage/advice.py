"""What gate reports advise a person or the registry: roll back, or look for other data."""

from __future__ import annotations

from collections.abc import Iterable

from cra_pipeline.contracts.gates import GateReport
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSource
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.gates.plateau import Plateau, plateaus
from cra_pipeline.gates.regression import RollbackAdvice, regression
from cra_pipeline.gates.stage.reading import case_of, key_of
from cra_pipeline.gates.stage.reports import policy_for, read_gates
from cra_pipeline.integrations.files import read_record


def plateau_advice(layout: Layout, sources: Iterable[RepoSource]) -> tuple[Plateau, ...]:
    """Kinds that gain no more, with repositories that no round has yet.

    Args:
        layout: The workspace.
        sources: All that the corpus and the user list.

    Raises:
        StoreError: A report was edited, or a round's record is damaged.
    """
    rounds = [read_record(path, RoundRecord) for path in sorted(layout.rounds.glob("r*.json"))]
    return plateaus(read_gates(layout), rounds, sources)


def rollback_advice(layout: Layout, round_name: str) -> tuple[RollbackAdvice, ...]:
    """Versions in service that a round shows to have become worse, by kind.

    Raises:
        CheckError: The round's attempts are missing or unchecked.
        StoreError: A report was edited.
    """
    reports = read_gates(layout)
    found = (
        regression(
            case_of(layout, key_of(report.adapter_kind, round_name)),
            _promoted_for(reports, report),
            policy_for(layout, key_of(report.adapter_kind, round_name)),
        )
        for report in reports
        if report.round == round_name and report.incumbent
    )
    return tuple(advice for advice in found if advice is not None)


def _promoted_for(reports: Iterable[GateReport], later: GateReport) -> GateReport | None:
    same = (
        item
        for item in reports
        if (item.adapter_kind, item.adapter_digest) == (later.adapter_kind, later.incumbent_digest)
    )
    return next(same, None)
