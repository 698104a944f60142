"""Whether the rows are evidence at all, and whether there is enough of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from cra_pipeline.contracts.gates import Requirement
from cra_pipeline.gates.case import Case
from cra_pipeline.gates.metrics import column
from cra_pipeline.gates.policy import GatePolicy, rules_of
from cra_pipeline.gates.tallies import JUDGED, Tallies

EVIDENCE = "evidence:"
"""Starts the names of requirements without which the rows say nothing of the candidate."""
SAMPLE = "sample:"
"""Starts the names of requirements that ask for more of the same rows."""


def integrity(case: Case) -> Iterator[Requirement]:
    """The arms are what they should be: same base, same served form, the named adapters."""
    expected = case.expected_models
    found = {arm: sorted({row.model for row in case.attempts if row.arm == arm}) for arm in
             sorted({row.arm for row in case.attempts} | expected.keys())}  # fmt: skip
    for arm, models in found.items():
        wanted = expected.get(arm, "")
        yield Requirement(
            name=f"{EVIDENCE}{arm}",
            holds=models == [wanted] if models else None,
            found=", ".join(map(short, models)) or "no attempt",
            expected=short(wanted) or "no such arm: none was active when the round was opened",
        )
    answering = {(row.arm, row.model) for row in case.answers}
    strangers = sorted(f"{arm} {short(model)}" for arm, model in answering
                       if model != expected.get(arm))  # fmt: skip
    yield Requirement(
        name=f"{EVIDENCE}answers",
        holds=not strangers,
        found=", ".join(strangers) or "answers of the same models",
        expected="answers of the same models",
    )
    forms = sorted({row.served_as for row in case.attempts})
    yield Requirement(
        name=f"{EVIDENCE}served_alike",
        holds=len(forms) == 1 if forms else None,
        found=", ".join(forms) or "nothing",
        expected="one served form for all arms",
    )


def short(model: str) -> str:
    """A model's digests as far as a person compares them."""
    return "+".join(part[:12] for part in model.split("+"))


def enough(case: Case, tallies: Tallies, policy: GatePolicy) -> Iterator[Requirement]:
    """Tasks, classes, seeds and judged attempts suffice; None where they do not."""
    yield at_least("tasks", len(tallies.tasks), policy.least_tasks, "tasks judged in every arm")
    if rules_of(case.adapter_kind).form == "binary" and "candidate" in tallies.arms:
        sums = tallies.arms["candidate"].sum(axis=0)
        for name, parts in (("yes", ("true_yes", "false_no")), ("no", ("true_no", "false_yes"))):
            count = float(sum(column(sums, part) for part in parts))
            yield at_least(name, round(count), policy.least_per_class, f"right answers {name}")
    yield _seeds(case, policy)
    for arm in sorted({row.arm for row in case.attempts}):
        yield _judged(case, arm, policy)


def at_least(name: str, found: int, least: int, what: str) -> Requirement:
    """Too few is no failure: it is too little to tell."""
    return Requirement(
        name=f"{SAMPLE}{name}",
        holds=True if found >= least else None,
        found=f"{found} {what}",
        expected=f"at least {least}",
    )


def _seeds_each(case: Case) -> Iterable[int]:
    seeds = Counter(
        (row.arm, row.task_id) for row in case.attempts
        if row.temperature > 0 and row.outcome in JUDGED
    )  # fmt: skip
    return seeds.values()


def _seeds(case: Case, policy: GatePolicy) -> Requirement:
    least = min(_seeds_each(case), default=None)
    return Requirement(
        name=f"{SAMPLE}seeds",
        holds=True if least is None or least >= policy.sampled_seeds else None,
        found="nothing was sampled" if least is None else f"{least} judged seeds of some task",
        expected=f"{policy.sampled_seeds} of each task where a temperature is above 0",
    )


def _judged(case: Case, arm: str, policy: GatePolicy) -> Requirement:
    outcomes = Counter(row.outcome for row in case.attempts if row.arm == arm)
    others = sum(count for outcome, count in outcomes.items() if outcome not in JUDGED)
    told = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    return Requirement(
        name=f"{SAMPLE}judged:{arm}",
        holds=True if others <= policy.most_unjudged * outcomes.total() else None,
        found=told,
        expected=f"at most {policy.most_unjudged:.0%} that neither passed nor failed",
    )
