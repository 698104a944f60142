"""Gate 1: the base can plan, and the adapters of both first stages stand. Pure.

The base half is judged when a tuned base is imported, with the tuned base as candidate and the
untuned one as base; the adapter half in every round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from cra_pipeline.contracts.gates import Decision, Estimate, GateReport, Requirement
from cra_pipeline.gates.case import Case, call_kinds_of
from cra_pipeline.gates.evidence import at_least, enough, integrity
from cra_pipeline.gates.gate_2 import kept_end_to_end
from cra_pipeline.gates.planning import VALID_PLANS, planning_figures, valid_plans
from cra_pipeline.gates.policy import BASE_HALF, RoundPolicy, rules_of
from cra_pipeline.gates.tallies import faults, tally
from cra_pipeline.gates.verdict import Seen, decision, report_of, seen_of
from cra_pipeline.gates.wording import percent

GATE_1 = "gate_1:"
ADAPTER_HALF = f"{GATE_1}adapter:"


def judge_base(case: Case, policy: RoundPolicy) -> GateReport:
    """Judge a tuned base; the report's digest is what ``BaseRecord.gate_1`` names.

    Args:
        case: Of kind ``BASE_HALF``: ``base_digest`` names the untuned base, ``adapter_digest`` the
            tuned one.
        policy: The numbers.

    Raises:
        ValueError: The case is of another kind, or rows occur twice or belong to nothing.
    """
    if case.adapter_kind != BASE_HALF:
        raise ValueError(f"{case.adapter_kind}: expected a case of {BASE_HALF}")
    if broken := faults(case.attempts, case.answers):
        raise ValueError(f"{BASE_HALF} {case.round}: {'; '.join(broken[:3])}")
    rules = rules_of(BASE_HALF)
    tallies = tally(case.attempts, case.answers, rules, call_kinds_of(BASE_HALF))
    few = policy.of_base()
    found = [
        *integrity(case),
        *enough(case, tallies, few),
        *_plans_are_valid(valid_plans(case.answers), policy),
    ]
    seen = Seen(tasks=len(tallies.tasks))
    if tallies.tasks and {"base", "candidate"} <= tallies.arms.keys():
        seen = seen_of(tallies, rules, case, few)
        seen = replace(
            seen, figures=(*seen.figures, *planning_figures(case.attempts, case.answers))
        )
        change = next((item for item in seen.changes if item.metric == rules.primary), None)
        found.append(kept_end_to_end(f"{GATE_1}end_to_end", change, policy.base_margin))
    return report_of(case, rules.primary, found, seen, policy=policy.canonical_json())


def _plans_are_valid(
    shares: Mapping[str, Estimate | None], policy: RoundPolicy
) -> Iterator[Requirement]:
    for kind, share in shares.items():
        commits = share.clusters if share else 0
        yield at_least(kind, commits, policy.least_tasks, f"commits with a {kind}")
        yield Requirement(
            name=f"{GATE_1}{VALID_PLANS}:{kind}",
            holds=None if share is None else share.value >= policy.valid_plans,
            found=percent(share),
            expected=f"at least {100 * policy.valid_plans:.0f} % of the commits",
        )


def base_half(reports: Iterable[str], waiver: str) -> Requirement:
    """What the records of the bases in use say of their own gate.

    Args:
        reports: ``BaseRecord.gate_1`` of each of them.
        waiver: Why the round goes without; empty where it does not.
    """
    found = tuple(reports)
    missing = not found or not all(found)
    told = ", ".join(sorted({report[:12] or "no report" for report in found})) or "no base"
    return Requirement(
        name=f"{GATE_1}base_half",
        holds=True if not missing or waiver else None,
        found=f"{told}; waived: {waiver}" if missing and waiver else told,
        expected="a report for every base in use, or a waiver in the round's record",
    )


def adapter_half(
    decisions: Mapping[str, Decision], active: Mapping[str, str], policy: RoundPolicy
) -> Iterator[Requirement]:
    """Scope and code adapters have passed, now or in an earlier round.

    Args:
        decisions: By kind, of this round's reports.
        active: By kind, the version that was active when the round was opened.
        policy: Which kinds.
    """
    for kind in policy.adapter_half:
        said, version = decisions.get(kind), active.get(kind, "")
        told = f"this round: {said}" if said else "no report in this round"
        yield Requirement(
            name=f"{ADAPTER_HALF}{kind}",
            holds=True if said == "passed" or version else (False if said == "failed" else None),
            found=f"{told}; in service: {version or 'none'}",
            expected="passed in this round, or in service since an earlier one",
        )


def gate_1(requirements: Iterable[Requirement], candidates: Iterable[str]) -> Decision:
    """Decision of Gate 1 on a round's candidates.

    Adapters of later tiers stand on the adapter half. Those of the first tier are that half, and
    neither waits for the other: where a round has no others, the base half alone decides.

    Args:
        requirements: Of both halves.
        candidates: Kinds whose candidates passed their own gate.
    """
    found = tuple(requirements)
    half = {item.name.removeprefix(ADAPTER_HALF) for item in found
            if item.name.startswith(ADAPTER_HALF)}  # fmt: skip
    first_tier_alone = {*candidates} <= half
    return decision(
        item for item in found if not (first_tier_alone and item.name.startswith(ADAPTER_HALF))
    )
