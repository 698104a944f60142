"""Gate 1: the base can plan, and the adapters of both first stages stand. Pure.

The base half is judged when a tuned base is imported, with the tuned base as candidate and the
untuned one as base; the adapter half in every round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from cra_pipeline.contracts.gates import Decision, GateReport, HoldoutAnswer, Requirement
from cra_pipeline.gates.case import Case, call_kinds_of
from cra_pipeline.gates.evidence import at_least, enough, integrity
from cra_pipeline.gates.gate_2 import kept_end_to_end
from cra_pipeline.gates.intervals import wilson
from cra_pipeline.gates.plan_answers import PLAN_TYPES, PLANS, is_valid_plan
from cra_pipeline.gates.policy import BASE_HALF, RoundPolicy, rules_of
from cra_pipeline.gates.tallies import faults, tally
from cra_pipeline.gates.verdict import Seen, decision, report_of, seen_of
from cra_pipeline.gates.wording import percent

GATE_1 = "gate_1:"
LATER_TIERS = "later_tiers:"
"""Starts the names of requirements that a round without adapters of later tiers need not meet."""


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
    found = [*integrity(case), *enough(case, tallies, few), *valid_plans(case.answers, policy)]
    seen = Seen(tasks=len(tallies.tasks))
    if tallies.tasks and {"base", "candidate"} <= tallies.arms.keys():
        seen = seen_of(tallies, rules, case, few)
        change = next((item for item in seen.changes if item.metric == rules.primary), None)
        found.append(kept_end_to_end(f"{GATE_1}end_to_end", change, policy.base_margin))
    return report_of(case, rules.primary, found, seen, policy=policy.canonical_json())


def valid_plans(answers: Iterable[HoldoutAnswer], policy: RoundPolicy) -> Iterator[Requirement]:
    """Share of held-out commits whose plans of a type are all valid, for each type.

    Answers of every attempt count, however it ended: a plan that the agent refuses ends the
    attempt, and would otherwise be forgotten with it.
    """
    sound: dict[str, dict[str, bool]] = defaultdict(dict)
    for row in answers:
        if row.arm == "candidate" and row.call_kind in PLANS:
            tasks = sound[PLANS[row.call_kind][0]]
            valid = is_valid_plan(row.call_kind, row.response)
            tasks[row.task_id] = tasks.get(row.task_id, True) and valid
    for kind in PLAN_TYPES:
        tasks = sound[kind]
        yield at_least(kind, len(tasks), policy.least_tasks, f"commits with a {kind}")
        share = wilson(sum(tasks.values()), len(tasks)) if tasks else None
        yield Requirement(
            name=f"{GATE_1}valid_plans:{kind}",
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

    They are what adapters of later tiers stand on. Where a round's candidates are of the first tier
    alone, one of which may well be missing, this half is told under ``LATER_TIERS`` and decides
    nothing: whoever trains a later tier asks for it there.

    Args:
        decisions: By kind, of this round's reports.
        active: By kind, the version that was active when the round was opened.
        policy: Which kinds.
    """
    passed = {kind for kind, said in decisions.items() if said == "passed"}
    start = GATE_1 if passed - {*policy.adapter_half} else LATER_TIERS
    for kind in policy.adapter_half:
        said, version = decisions.get(kind), active.get(kind, "")
        told = f"this round: {said}" if said else "no report in this round"
        yield Requirement(
            name=f"{start}adapter:{kind}",
            holds=True if said == "passed" or version else (False if said == "failed" else None),
            found=f"{told}; in service: {version or 'none'}",
            expected="passed in this round, or in service since an earlier one",
        )


def gate_1(requirements: Iterable[Requirement]) -> Decision:
    """Decision of Gate 1, from those of the requirements that are its."""
    return decision(item for item in requirements if item.name.startswith(GATE_1))
