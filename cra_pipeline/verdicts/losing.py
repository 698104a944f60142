"""When an answer lost, and why. Pure.

Two ways lead to a rejected answer. A yes/no answer is held against the diff itself, whatever
became of the attempt: one wrong "no" among hundreds seldom decides a test. Every other answer
lost if the hidden tests failed and the fault lies with its kind of call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.kinds import CALL_KINDS, PLANNING_STAGES, read_verdict
from cra_pipeline.verdicts.attribution import (
    Attribution,
    AttributionPolicy,
    Blame,
    Evidence,
    attribute,
)

GOLD = "gold"
_SHOWN = 40
_UNDONE = "agent_"
"""Reasons of attempts that the agent itself gave up begin so: some answer could not be used."""

_ASTRAY = "led_astray"
"""Reason of attempts that ended where the commit knew no answer any more."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """An attempt's alignment, as its triples carry it."""

    file_precision: float
    file_recall: float
    dependency_order: float


def attributions(
    triples: Iterable[TripleRow], attempts: Mapping[str, AttemptRow], policy: AttributionPolicy
) -> dict[str, Attribution]:
    """Whose fault each attempt of an agent was, by attempt id.

    Args:
        triples: In any order; rendered ones are passed over.
        attempts: By id.
        policy: From which numbers on a plan fits.
    """
    by_attempt: dict[str, list[TripleRow]] = defaultdict(list)
    for triple in triples:
        if triple.prompt_source == "logged":
            by_attempt[triple.attempt_id].append(triple)
    return {
        name: attribute(_evidence(attempts[name], rows), policy)
        for name, rows in by_attempt.items()
    }


def _evidence(attempt: AttemptRow, rows: list[TripleRow]) -> Evidence:
    return Evidence(
        outcome=attempt.outcome,
        alignment=_numbers(rows[0]),
        edits_applied=not attempt.reason.startswith(_UNDONE),
        by_model=frozenset(attempt.by_model) & set(CALL_KINDS),
        led_astray=attempt.reason == _ASTRAY,
    )


def _numbers(row: TripleRow) -> _Numbers | None:
    if row.file_precision is None or row.file_recall is None or row.dependency_order is None:
        return None
    return _Numbers(row.file_precision, row.file_recall, row.dependency_order)


def contradiction(triple: TripleRow) -> str:
    """Why a yes/no answer is wrong by the diff; empty where it is right or cannot be judged."""
    right = triple.right_answer.strip().lower()
    if not is_binary(triple) or right not in {"yes", "no"}:
        return ""
    said = read_verdict(triple.output)
    if said is None:
        return f"malformed_answer: {triple.output.strip()[:_SHOWN]!r}"
    return "" if said == (right == "yes") else f"wrong_answer: the diff says {right}"


def is_binary(triple: TripleRow) -> bool:
    """Whether the agent asked for yes or no."""
    kind = CALL_KINDS.get(triple.call_kind)
    return triple.prompt_source == "logged" and kind is not None and kind.form == "binary"


def may_be_chosen(triple: TripleRow, attempt: AttemptRow, found: Attribution | None) -> bool:
    """Whether a passing attempt's answer is one to follow: see ``why_not_chosen``.

    Plans and code are followed only where the tree equals the commit's: only then is it known that
    their grounds stood in the prompt, and ``usable`` says no of every other attempt. So a model's
    own answer that passes by other code is never chosen.
    """
    return not why_not_chosen(triple, attempt, found)


def why_not_chosen(triple: TripleRow, attempt: AttemptRow, found: Attribution | None) -> str:
    """Why a passing attempt's answer is none to follow, as a code; empty where it is one.

    Not a yes/no that the diff contradicts, no plan or code of an attempt that went another way
    than the commit, and none of an attempt that is not ``usable``: its tree is not the commit's, or
    some answer's grounds did not stand in its own prompt.
    """
    if triple.prompt_source == "rendered":
        return ""
    if is_binary(triple):
        return contradiction(triple).partition(":")[0]
    if attempt.usable is False:
        return "not_usable"
    strayed = found is not None and found.blame is Blame.OTHER_WAY
    return "another_way" if strayed else ""


def to_blame(triple: TripleRow, found: Attribution) -> str:
    """The fault, where it lies with this answer's kind of call; else empty.

    It is the kind's fault, not yet this answer's: of several answers of the kind some may be right.
    Pairing rejects none that comes to the same as the right answer or as one that passed.
    """
    if triple.responder == GOLD or triple.outcome is not Outcome.FAILED:
        return ""
    kind = CALL_KINDS[triple.call_kind]
    side = {
        Blame.CODING_FAILURE: kind.form == "edits",
        Blame.PLANNING_FAILURE: kind.stage in PLANNING_STAGES,
    }
    return found.fault if side.get(found.blame, False) else ""
