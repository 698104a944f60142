"""The decision on one candidate: requirements first, then what follows of them. Pure.

A requirement that fails refuses; one for which there is too little evidence leaves the question
open. Nothing is ever passed for want of evidence, and no clock and no order of rows is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from cra_pipeline.contracts.gates import (
    Arm,
    ArmFigure,
    Decision,
    Estimate,
    GateReport,
    PairedChange,
    Requirement,
)
from cra_pipeline.gates.case import Case, call_kinds_of
from cra_pipeline.gates.evidence import EVIDENCE, enough, integrity
from cra_pipeline.gates.forgetting import forgetting
from cra_pipeline.gates.metrics import OF_FORM, OF_OUTCOMES, constant_answers
from cra_pipeline.gates.paired import Measured, measured
from cra_pipeline.gates.policy import GatePolicy, KindRules, rules_of
from cra_pipeline.gates.tallies import Tallies, faults, tally
from cra_pipeline.gates.wording import percent, points

_CHANCE = 0.5
"""Balanced accuracy of whoever always says the same."""
_ARMS: tuple[Arm, ...] = ("base", "incumbent", "candidate")


def judge(case: Case, policy: GatePolicy) -> GateReport:
    """Measure a candidate and decide.

    Raises:
        ValueError: No gate knows the kind, or rows occur twice or belong to nothing; the message
            names them.
    """
    rules = replace(rules_of(case.adapter_kind), floors=policy.floors_of(case.adapter_kind))
    if broken := faults(case.attempts, case.answers):
        raise ValueError(
            f"{case.adapter_kind} {case.round}: {'; '.join(broken[:3])} ({len(broken)} findings)"
        )
    tallies = tally(case.attempts, case.answers, rules, call_kinds_of(case.adapter_kind))
    found = [*integrity(case), *enough(case, tallies, policy)]
    seen = Seen(tasks=len(tallies.tasks))
    if tallies.tasks and {"base", "candidate"} <= tallies.arms.keys():
        seen = seen_of(_with_baselines(tallies, rules), rules, case, policy)
        found += _required(case, rules, seen, policy)
        found += forgetting(case.adapter_kind, tallies, policy)
    numbers = policy.canonical_json(kind=case.adapter_kind, floors_used=rules.floors)
    return report_of(case, rules.primary, found, seen, policy=numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was measured.

    Attributes:
        tasks: Judged in every arm.
        figures: Each metric of each arm, baselines included.
        changes: The candidate less each other arm.
    """

    tasks: int
    figures: tuple[ArmFigure, ...] = ()
    changes: tuple[PairedChange, ...] = ()


def seen_of(tallies: Tallies, rules: KindRules, case: Case, policy: GatePolicy) -> Seen:
    """Measure tallies that hold the base, the candidate and at least one task."""
    held = measured(tallies, draws=policy.draws, seed=policy.seed)
    wanted: tuple[Arm, ...] = ("base", "incumbent") if case.incumbent else ("base",)
    others = tuple(arm for arm in wanted if arm in tallies.arms)
    return Seen(
        tasks=len(tallies.tasks),
        figures=tuple(_figures(held, rules)),
        changes=tuple(_changes(held, rules, others)),
    )


def report_of(
    case: Case, primary: str, requirements: Sequence[Requirement], seen: Seen, *, policy: str
) -> GateReport:
    """The report of a case; the decision follows from the requirements.

    Args:
        case: As it was judged.
        primary: Metric whose paired gain decides.
        requirements: All of them.
        seen: What was measured.
        policy: Canonical JSON of the numbers.
    """
    return GateReport(
        adapter_kind=case.adapter_kind,
        round=case.round,
        base_digest=case.base_digest,
        adapter_digest=case.adapter_digest,
        incumbent=case.incumbent,
        incumbent_digest=case.incumbent_digest,
        primary=primary,
        decision=decision(requirements),
        requirements=tuple(requirements),
        figures=seen.figures,
        changes=seen.changes,
        tasks=seen.tasks,
        inputs=case.inputs,
        policy=policy,
        waivers=case.waivers,
    )


def decision(requirements: Iterable[Requirement]) -> Decision:
    """What follows of requirements; of none at all nothing follows.

    Rows that are no evidence refuse, however few there are; else too little evidence comes before
    failure, since on a handful of tasks neither is known.
    """
    found = tuple(requirements)
    if any(item.holds is False and item.name.startswith(EVIDENCE) for item in found):
        return "failed"
    if not found or any(item.holds is None for item in found):
        return "not_enough_evidence"
    return "passed" if all(item.holds for item in found) else "failed"


def metrics_of(rules: KindRules) -> tuple[str, ...]:
    """What is shown of a kind: the primary first, then what has a floor, then the others."""
    floors = [name for name, _ in rules.floors]
    return tuple(dict.fromkeys([rules.primary, *floors, *rules.secondary, *OF_FORM[rules.form]]))


def _with_baselines(tallies: Tallies, rules: KindRules) -> Tallies:
    if rules.form != "binary":
        return tallies
    asked = tallies.arms["candidate"]
    constant = {
        "always_yes": constant_answers(asked, yes=True),
        "always_no": constant_answers(asked, yes=False),
    }
    return replace(tallies, arms={**tallies.arms, **constant})


def _figures(held: Measured, rules: KindRules) -> Iterator[ArmFigure]:
    for arm in sorted(held.tallies.arms, key=lambda name: (name not in _ARMS, name)):
        for metric in metrics_of(rules):
            if metric in OF_OUTCOMES and arm not in _ARMS:
                continue
            yield ArmFigure(arm=arm, metric=metric, estimate=held.figure(arm, metric))


def _changes(held: Measured, rules: KindRules, others: Sequence[Arm]) -> Iterator[PairedChange]:
    for against in others:
        for metric in metrics_of(rules):
            if (change := held.change(metric, against)) is not None:
                yield change


def _required(
    case: Case, rules: KindRules, seen: Seen, policy: GatePolicy
) -> Iterator[Requirement]:
    table = {(item.arm, item.metric): item.estimate for item in seen.figures}
    moved = {(item.against, item.metric): item for item in seen.changes}
    for metric, least in rules.floors:
        estimate = table.get(("candidate", metric))
        yield Requirement(
            name=f"threshold:{metric}",
            holds=None if estimate is None else estimate.value >= least,
            found=percent(estimate),
            expected=f"at least {100 * least:.0f} %",
        )
    for against in ("base", "incumbent") if case.incumbent else ("base",):
        yield _gain(against, moved.get((against, rules.primary)), rules, policy)
    for metric in rules.secondary:
        if (base := table.get(("base", metric))) is not None:
            own = table.get(("candidate", metric))
            yield Requirement(
                name=f"not_below_base:{metric}",
                holds=own is not None and own.value >= base.value,
                found=percent(own),
                expected=f"at least the base's {percent(base)}",
            )
    if rules.form == "binary":
        yield _above_constants(table.get(("candidate", rules.primary)))
    if rules.form != "outcome":
        yield _end_to_end(moved.get(("base", "end_to_end")), policy)


def _gain(
    against: str, change: PairedChange | None, rules: KindRules, policy: GatePolicy
) -> Requirement:
    return Requirement(
        name=f"gain_against_{against}",
        holds=None
        if change is None
        else change.estimate.value > 0 and change.p_value <= policy.significance,
        found=points(change),
        expected=f"{rules.primary} above it, one-sided p at most {policy.significance}",
    )


def _above_constants(found: Estimate | None) -> Requirement:
    return Requirement(
        name="above_constant_answers",
        holds=None if found is None else found.low > _CHANCE,
        found=percent(found),
        expected=f"lower bound above {100 * _CHANCE:.0f} %, which always yes and always no have",
    )


def _end_to_end(change: PairedChange | None, policy: GatePolicy) -> Requirement:
    return Requirement(
        name="end_to_end",
        holds=None if change is None else change.estimate.low > -policy.end_to_end_margin,
        found=points(change),
        expected=f"lower bound above {-100 * policy.end_to_end_margin:.0f} points",
    )
