"""Whether a finished dataset keeps the rules, counted again from its rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.datasets.balance import unbalanced
from cra_pipeline.datasets.caps import overdrawn
from cra_pipeline.datasets.curriculum import difficulty, unordered
from cra_pipeline.datasets.decontamination import Contamination
from cra_pipeline.datasets.duplicates import repeated
from cra_pipeline.datasets.facts import Facts, facts_of
from cra_pipeline.datasets.length import TokenCounter, tokens
from cra_pipeline.datasets.near import nearly_repeated, own_text, signature
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.proof import MOST
from cra_pipeline.datasets.quota import Quota, beyond
from cra_pipeline.datasets.replay import share_fault, uneven
from cra_pipeline.datasets.selfmade import too_much_own
from cra_pipeline.datasets.size import size_fault
from cra_pipeline.datasets.takedown import TakenDown


@dataclass(frozen=True, slots=True, kw_only=True)
class Court:
    """What the rows of one dataset are judged by.

    Attributes:
        adapter_kind: Of the dataset.
        round: Of the dataset.
        policy: The rules.
        contamination: What no row may touch.
        taken_down: What may be used no more.
        counter: Of tokens.
        quota: What the round's training plan asks for.
    """

    adapter_kind: str
    round: str
    policy: CurationPolicy
    contamination: Contamination
    taken_down: TakenDown
    counter: TokenCounter
    quota: Quota = field(default_factory=Quota)


def broken_rules(rows: Sequence[CandidateRow], court: Court) -> list[str]:
    """What does not hold, one sentence each, with numbers."""
    if not rows:
        return ["no rows: nothing could be learnt, expected one or more"]
    found = [*_single(rows, court), *_repetitions(rows, court), *_shares(rows, court)]
    more = len(found) - MOST
    return [*found[:MOST], f"and {more} more findings"] if more > 0 else found


def _single(rows: Sequence[CandidateRow], court: Court) -> list[str]:
    most = court.policy.length.most(court.adapter_kind)
    found = []
    for row in rows:
        name = row.example_id[:12]
        if row.adapter_kind != court.adapter_kind:
            found.append(f"{name}: trains {row.adapter_kind}, not {court.adapter_kind}")
        if (length := tokens(row, court.counter)) > most:
            found.append(f"{name}: {length} tokens, at most {most} fit")
        if reason := touches(row, facts_of(row), court):
            found.append(f"{name}: {reason}: {row.origin.repo} {row.origin.sha[:12]}")
    return found


def touches(row: CandidateRow, facts: Facts, court: Court) -> str:
    """What a row touches that it may not, as a code; empty where nothing."""
    return (
        court.taken_down.fault(row.origin)
        or court.contamination.by_origin(facts)
        or court.contamination.by_words(row)
    )


def _repetitions(rows: Sequence[CandidateRow], court: Court) -> list[str]:
    # In the order in which they took precedence, so that the same ones are found.
    ordered = sorted(((facts_of(row), row) for row in rows), key=lambda pair: pair[0].precedence)
    facts = [fact for fact, _ in ordered]
    near = court.policy.near
    signatures = [signature(own_text(row), near) for _, row in ordered]
    again = repeated(facts)
    close = nearly_repeated(facts, signatures, near)
    return [
        *(f"{name[:12]}: {reason}" for name, reason in again.items()),
        *(f"{name[:12]}: near_duplicate of {other[:12]}" for name, other in close.items()),
    ]


def _shares(rows: Sequence[CandidateRow], court: Court) -> list[str]:
    policy = court.policy
    facts = [facts_of(row, difficulty=difficulty(row)) for row in rows]
    found = [
        *unbalanced(facts, policy.balance),
        *overdrawn(facts, policy.caps),
        *too_much_own(facts, policy.own),
        *unordered(facts, court.round, court.adapter_kind, policy.curriculum),
        *beyond(len(rows), court.quota),
        *filter(None, [size_fault(len(rows), policy.size)]),
    ]
    marks = [row.round != court.round for row in rows]
    if round_number(court.round) == 1:
        return [*found, *(["the first round has nothing to replay"] if any(marks) else [])]
    if fault := share_fault(marks.count(False), marks.count(True), policy.replay):
        return [*found, fault]
    return [*found, *uneven(marks, policy.replay)]
