"""The training plan of a round: what to train next, why, from what and to which end.

Pure. Where there is too little data the plan says so with the numbers and asks for no training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.logs import (
    AnswerGroup,
    CallEvidence,
    CallGroup,
    StockGroup,
    VerdictGroup,
)
from cra_pipeline.contracts.plans import (
    AdapterPlan,
    CallKindFacts,
    Decision,
    Rate,
    Recipe,
    Stock,
    TrainingPlan,
)
from cra_pipeline.kinds import ADAPTER_KINDS, AdapterKind
from cra_pipeline.logs.facts import call_kind_facts
from cra_pipeline.logs.policy import PlanPolicy
from cra_pipeline.logs.retrieval import select
from cra_pipeline.logs.stock import form_of, stock_of
from cra_pipeline.logs.targets import call_kinds_of, target


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """All that a plan is made of.

    Attributes:
        round: The plan's round.
        rounds: This one and all before it, in order.
        held_out: Repositories that were left out of everything below.
        calls: How calls were answered.
        answers: Answers whose right answer is known.
        verdicts: Judged attempts.
        stock: What could be trained on.
        evidence: Gives the calls of a kind that a model answered.
        notes: On the round itself.
    """

    round: str
    rounds: tuple[str, ...]
    held_out: tuple[str, ...]
    calls: Sequence[CallGroup]
    answers: Sequence[AnswerGroup]
    verdicts: Sequence[VerdictGroup]
    stock: Sequence[StockGroup]
    evidence: Callable[[str], Sequence[CallEvidence]]
    notes: tuple[str, ...] = ()


def training_plan(inputs: PlanInputs, policy: PlanPolicy) -> TrainingPlan:
    """Decide for every adapter kind; the same inputs give the same plan."""
    facts = call_kind_facts(inputs.calls, inputs.answers, confidence=policy.confidence)
    by_name = {item.call_kind: item for item in facts}
    drafts = [_draft(kind, by_name, inputs, policy) for kind in ADAPTER_KINDS.values()]
    return TrainingPlan(
        round=inputs.round,
        rounds=inputs.rounds,
        held_out=inputs.held_out,
        call_kinds=facts,
        adapters=_in_order(drafts, by_name),
        policy=policy.canonical(),
        notes=inputs.notes,
    )


def _draft(
    kind: AdapterKind, facts: Mapping[str, CallKindFacts], inputs: PlanInputs, policy: PlanPolicy
) -> AdapterPlan:
    own = [facts[name] for name in call_kinds_of(kind) if name in facts]
    stock = stock_of(kind, inputs.stock)
    usable = [item for item in stock if item.form == form_of(kind)]
    need = policy.needs[kind.name]
    examples = sum(item.rows for item in usable)
    decision, reason = _decide(own, examples, need.least, form_of(kind), policy)
    weak = sorted(own, key=lambda item: (-_weakness(item), item.call_kind))
    calls = [call for item in weak if item.model_calls for call in inputs.evidence(item.call_kind)]
    return AdapterPlan(
        adapter_kind=kind.name,
        round=inputs.round,
        decision=decision,
        reason=f"{reason}{_caution(decision, usable, examples, need.wanted, policy)}",
        rank=0,
        call_kinds=tuple(item.call_kind for item in weak),
        stock=stock,
        examples=examples,
        least=need.least,
        wanted=need.wanted,
        sources=tuple(item.source for item in usable if item.rows),
        recipe=recipe_of(kind),
        target=target(kind, inputs.answers, inputs.verdicts, policy),
        evidence=select(calls, policy.evidence),
    )


def recipe_of(kind: AdapterKind) -> Recipe:
    """The kind's own row as a recipe."""
    return Recipe(
        base=kind.base,
        technique=kind.technique,
        rank=kind.rank,
        alpha=2 * kind.rank,
        window=kind.window,
    )


def _decide(
    own: Sequence[CallKindFacts], examples: int, least: int, form: str, policy: PlanPolicy
) -> tuple[Decision, str]:
    unit = "preference pairs" if form == "dpo" else "examples"
    if examples < least:
        return (
            "too_little_data",
            f"too little data: {examples} {unit}, at least {least} are worth a training",
        )
    calls = sum(item.model_calls for item in own)
    if not any(item.errors.of or item.disagreement.of for item in own):
        return "train", f"{examples} {unit}; no model has answered it yet, so nothing is known"
    weak = [item for item in own if surely_weak(item, policy)]
    if weak:
        words = "; ".join(_words(item) for item in weak)
        return "train", f"{examples} {unit}; weak in {words}"
    if all(_surely_good(item, policy) for item in own if item.model_calls):
        return "good_enough", f"within tolerance over {calls} calls of models"
    return (
        "measure_more",
        f"{calls} calls of models are too few to tell: "
        + "; ".join(_words(item) for item in own if not _surely_good(item, policy)),
    )


def surely_weak(item: CallKindFacts, policy: PlanPolicy) -> bool:
    """Whether even the lower end of a rate lies above what is tolerated."""
    errors = item.errors.of and item.errors.low > policy.most_errors
    differs = item.disagreement.of and item.disagreement.low > policy.most_disagreement
    return bool(errors or differs)


def _surely_good(item: CallKindFacts, policy: PlanPolicy) -> bool:
    """Whether even the upper ends lie within; a kind without right answers goes by its errors."""
    agreed = not item.disagreement.of or item.disagreement.high <= policy.most_disagreement
    return item.errors.high <= policy.most_errors and agreed


def _words(item: CallKindFacts) -> str:
    return (
        f"{item.call_kind} (disagreement {in_words(item.disagreement)}, "
        f"errors {in_words(item.errors)})"
    )


def in_words(found: Rate) -> str:
    """A rate for people, such as ``12.0 % of 50 [5.6-23.8 %]``."""
    if not found.of:
        return "not measured"
    share = 100 * found.hits / found.of
    return f"{share:.1f} % of {found.of} [{100 * found.low:.1f}-{100 * found.high:.1f} %]"


def _caution(
    decision: Decision, usable: Iterable[Stock], examples: int, wanted: int, policy: PlanPolicy
) -> str:
    if decision != "train":
        return ""
    domains = max((item.domains for item in usable), default=0)
    cautions = []
    if examples < wanted:
        cautions.append(f"{wanted} are recommended")
    if domains < policy.least_domains:
        cautions.append(f"only {domains} of {policy.least_domains} domains")
    return f"; {', '.join(cautions)}" if cautions else ""


def _weakness(item: CallKindFacts) -> float:
    """Lower end of what goes wrong, as a share of the calls."""
    return max(
        item.errors.low if item.errors.of else 0.0,
        item.disagreement.low if item.disagreement.of else 0.0,
    )


def _in_order(
    drafts: Sequence[AdapterPlan], facts: Mapping[str, CallKindFacts]
) -> tuple[AdapterPlan, ...]:
    """Those to train first, by how many calls surely go wrong; then the others by name."""

    def harm(plan: AdapterPlan) -> float:
        own = [facts[name] for name in plan.call_kinds]
        return sum(_weakness(item) * max(1, item.model_calls) for item in own)

    trained = [plan for plan in drafts if plan.decision == "train"]
    others = [plan for plan in drafts if plan.decision != "train"]
    trained.sort(key=lambda plan: (-harm(plan), -plan.examples / plan.wanted, plan.adapter_kind))
    others.sort(key=lambda plan: plan.adapter_kind)
    numbered = [plan.model_copy(update={"rank": number}) for number, plan in enumerate(trained, 1)]
    return (*numbered, *others)
