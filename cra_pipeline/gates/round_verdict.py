"""Gates 1 and 2 of a round: every requirement, and the two decisions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cra_pipeline.contracts.gates import GateReport, Requirement, RoundGateReport
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.gates.gate_1 import adapter_half, base_half, gate_1
from cra_pipeline.gates.gate_2 import GATE_2, LoopFacts, Set, end_to_end, tools_work
from cra_pipeline.gates.policy import RoundPolicy
from cra_pipeline.gates.verdict import decision


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCase:
    """A round before Gates 1 and 2.

    Attributes:
        round: Its name.
        reports: Gate reports of all its kinds, in any order.
        active: By kind, the version that was active when the round was opened.
        base_reports: ``BaseRecord.gate_1`` of each candidate's base.
        base_waiver: Why the round goes without; empty where it does not.
        new: The candidates that passed, with the attempts in which they answer together.
        facts: Whether the loop's own tools work.
        inputs: What all this was read from.
        waivers: All of the round's record.
    """

    round: str
    reports: tuple[GateReport, ...]
    active: Mapping[str, str]
    base_reports: tuple[str, ...]
    base_waiver: str
    new: Set
    facts: LoopFacts
    inputs: tuple[Input, ...] = ()
    waivers: tuple[str, ...] = ()


def judge_round(case: RoundCase, policy: RoundPolicy) -> RoundGateReport:
    """Measure the new set and decide.

    Raises:
        ValueError: Attempts of the new set occur twice or belong to nothing.
    """
    passed = sorted(
        (item for item in case.reports if item.decision == "passed"),
        key=lambda item: item.adapter_kind,
    )
    kept, changes, tasks = end_to_end(case.new, policy)
    said = {item.adapter_kind: item.decision for item in case.reports}
    base = base_half(case.base_reports, case.base_waiver)
    adapters = tuple(adapter_half(said, case.active, policy))
    second = (_candidates(passed), *kept, *tools_work(case.facts))
    return RoundGateReport(
        round=case.round,
        candidates=tuple(
            Input(name=item.adapter_kind, content_id=item.digest()) for item in passed
        ),
        gate_1=gate_1((base, *adapters), [item.adapter_kind for item in passed]),
        gate_1_adapters=decision(adapters),
        gate_2=decision(second),
        requirements=(base, *adapters, *second),
        changes=changes,
        tasks=tasks,
        inputs=tuple(sorted(case.inputs, key=lambda item: item.name)),
        policy=policy.canonical_json(),
        waivers=case.waivers,
    )


def _candidates(passed: list[GateReport]) -> Requirement:
    names = ", ".join(item.adapter_kind for item in passed)
    return Requirement(
        name=f"{GATE_2}candidates",
        holds=True if passed else None,
        found=names or "no candidate passed its own gate",
        expected="at least one that passed its own gate",
    )
