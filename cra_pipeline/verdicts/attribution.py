"""Whose fault a lost attempt was: the plan's, the code's, or that of what both were shown.

Pure, one rule. Tests decide whether an attempt is good; how well its plan fits the commit decides
only where a bad one went wrong. A plan that fits badly and passes is another way to the goal.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.kinds import CALL_KINDS, PLANNING_STAGES

_PLANNING = frozenset(
    {name for name, kind in CALL_KINDS.items() if kind.stage in PLANNING_STAGES} | {"adjustment"}
)
_CODING = frozenset({"implement", "test_implement", "documentation"})


class Aligned(Protocol):
    """A plan measured against the commit; every number in [0, 1]."""

    @property
    def file_precision(self) -> float:
        """Share of the planned files that the commit changed."""
        ...

    @property
    def file_recall(self) -> float:
        """Share of the changed files that were planned."""
        ...

    @property
    def dependency_order(self) -> float:
        """Share of the dependencies that the plan respects."""
        ...


class Blame(enum.StrEnum):
    """What an attempt says about the plan and the code in it."""

    SOUND = "sound"
    """Plan and code are examples to follow."""
    OTHER_WAY = "other_way"
    """It passed by another plan than the commit's: an example, but neither side of a pair."""
    CODING_FAILURE = "coding_failure"
    """The code is a rejected answer; the plan is none."""
    PLANNING_FAILURE = "planning_failure"
    """The plan is a rejected answer; the code did what it was told."""
    RETRIEVAL_FAILURE = "retrieval_failure"
    """The answers about what to show are rejected; plan and code are not to blame."""
    NOT_JUDGED = "not_judged"
    """The outcome says nothing about any answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionPolicy:
    """From which numbers on a plan fits the commit.

    Attributes:
        file_recall: Least share of the changed files that a fitting plan names.
        dependency_order: Least share of the dependencies that a fitting plan respects.
        file_precision: A plan that misses the order and has less of this is tangled, not merely
            badly ordered.
    """

    file_recall: float = 0.8
    dependency_order: float = 0.8
    file_precision: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one attempt.

    Attributes:
        outcome: By the hidden tests.
        alignment: Of the attempt's plan; None where it has none that can be read.
        edits_applied: Whether every edit that was answered could be applied.
        by_model: Call kinds that a model under trial answered; the commit answered all others.
        led_astray: Whether the commit knew no answer any more after what a model had answered.
    """

    outcome: Outcome
    alignment: Aligned | None
    edits_applied: bool
    by_model: frozenset[str]
    led_astray: bool = False


@dataclass(frozen=True, slots=True)
class Attribution:
    """The verdict on one attempt.

    Attributes:
        blame: Who is to blame.
        fault: What went wrong, as a code: ``no_plan``, ``missed_file``, ``tangled_parts``,
            ``wrong_order``, ``wrong_plan``, ``botched_edit``, ``wrong_code``, ``missed_context``,
            ``gold_failed``; empty where nothing did or the outcome says nothing.
    """

    blame: Blame
    fault: str = ""


def attribute(evidence: Evidence, policy: AttributionPolicy) -> Attribution:
    """Judge one attempt.

    Where models answered one sort of call only, that sort is at fault for a failure, however the
    plan is aligned: everything else was right. Where they answered planning and coding, alignment
    decides; but where the commit itself knew no answer any more, it was a plan that led away from
    it, however well it fits by numbers. A failure in which the commit answered everything teaches
    nothing.

    Raises:
        ValueError: ``by_model`` names an unknown call kind.
    """
    unknown = sorted(evidence.by_model - set(CALL_KINDS))
    if unknown:
        raise ValueError(f"by_model: {unknown[0]!r} is no call kind, expected keys of CALL_KINDS")
    if evidence.outcome is Outcome.PASSED:
        return Attribution(Blame.OTHER_WAY if _strayed(evidence, policy) else Blame.SOUND)
    if evidence.outcome is not Outcome.FAILED:
        return Attribution(Blame.NOT_JUDGED)
    return _failed(evidence, policy)


def _failed(evidence: Evidence, policy: AttributionPolicy) -> Attribution:
    planned, coded = evidence.by_model & _PLANNING, evidence.by_model & _CODING
    if not evidence.by_model:
        return Attribution(Blame.NOT_JUDGED, "gold_failed")
    if not planned and not coded:
        return Attribution(Blame.RETRIEVAL_FAILURE, "missed_context")
    fault = planning_fault(evidence.alignment, policy)
    # Code cannot leave the commit without an answer where a plan sent it there.
    misled = planned and (fault or evidence.led_astray)
    if coded and not misled:
        return Attribution(
            Blame.CODING_FAILURE, "wrong_code" if evidence.edits_applied else "botched_edit"
        )
    return Attribution(Blame.PLANNING_FAILURE, fault or _typical(planned))


def _strayed(evidence: Evidence, policy: AttributionPolicy) -> bool:
    """Whether a model planned, and otherwise than the commit."""
    planned = bool(evidence.by_model & _PLANNING)
    return planned and bool(planning_fault(evidence.alignment, policy))


def planning_fault(alignment: Aligned | None, policy: AttributionPolicy) -> str:
    """Why a plan does not fit the commit, as a code; empty where it fits.

    A missed file weighs most: where one is missing, order cannot be judged. Order is lost by
    drawing foreign files into the parts as well as by turning a dependency round.
    """
    if alignment is None:
        return "no_plan"
    if alignment.file_recall < policy.file_recall:
        return "missed_file"
    if alignment.dependency_order >= policy.dependency_order:
        return ""
    tangled = alignment.file_precision < policy.file_precision
    return "tangled_parts" if tangled else "wrong_order"


_TYPICAL = {
    "change_point_enum": "missed_file",
    "part_grouping": "tangled_parts",
    "part_grouping_binary": "tangled_parts",
    "part_dependency": "wrong_order",
    "step_dependency": "wrong_order",
}


def _typical(planned: frozenset[str]) -> str:
    """What a single varied kind gets wrong where the alignment shows nothing."""
    if len(planned) != 1:
        return "wrong_plan"
    return _TYPICAL.get(next(iter(planned)), "wrong_plan")
