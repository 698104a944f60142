"""Every cell of the rule: how the plan fits, whether the tests pass, and who answered."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline.verdicts.attribution import (
    Attribution,
    AttributionPolicy,
    Blame,
    Evidence,
    attribute,
)

POLICY = AttributionPolicy()
ALL = frozenset(CALL_KINDS)


@dataclass(frozen=True)
class Fit:
    file_recall: float = 1.0
    dependency_order: float = 1.0
    file_precision: float = 1.0


HIGH = Fit()
MISSED, TURNED = Fit(file_recall=0.5), Fit(dependency_order=0.0)
TANGLED = Fit(dependency_order=0.5, file_precision=0.3)
WIDE = Fit(file_precision=0.1)
JUST = Fit(file_recall=0.8, dependency_order=0.8)

P, F = Outcome.PASSED, Outcome.FAILED
SOUND, OTHER = (Blame.SOUND, ""), (Blame.OTHER_WAY, "")
CODE, BOTCHED = (Blame.CODING_FAILURE, "wrong_code"), (Blame.CODING_FAILURE, "botched_edit")


def plan(fault: str) -> tuple[Blame, str]:
    return (Blame.PLANNING_FAILURE, fault)


@pytest.mark.parametrize(
    ("fit", "outcome", "applied", "expected"),
    [
        (HIGH, P, True, SOUND),
        (HIGH, F, True, CODE),
        (HIGH, F, False, BOTCHED),
        (JUST, P, True, SOUND),
        (JUST, F, True, CODE),
        (WIDE, P, True, SOUND),
        (WIDE, F, True, CODE),
        (MISSED, P, True, OTHER),
        (MISSED, F, True, plan("missed_file")),
        (MISSED, F, False, plan("missed_file")),
        (TURNED, P, True, OTHER),
        (TURNED, F, True, plan("wrong_order")),
        (TURNED, F, False, plan("wrong_order")),
        (TANGLED, P, True, OTHER),
        (TANGLED, F, True, plan("tangled_parts")),
        (None, P, True, OTHER),
        (None, F, True, plan("no_plan")),
    ],
)
def test_where_models_answer_everything_alignment_decides(
    fit: Fit | None,
    outcome: Outcome,
    applied: bool,  # noqa: FBT001  # a column of the table
    expected: tuple[Blame, str],
) -> None:
    found = attribute(
        Evidence(outcome=outcome, alignment=fit, edits_applied=applied, by_model=ALL), POLICY
    )

    assert found == Attribution(*expected)


@pytest.mark.parametrize(
    ("varied", "fit", "outcome", "expected"),
    [
        ("implement", HIGH, P, SOUND),
        ("implement", HIGH, F, CODE),
        ("implement", MISSED, F, CODE),
        ("implement", None, F, CODE),
        ("implement", MISSED, P, SOUND),
        ("test_implement", HIGH, F, CODE),
        ("documentation", HIGH, F, CODE),
        ("meta_plan", HIGH, P, SOUND),
        ("meta_plan", MISSED, P, OTHER),
        ("meta_plan", HIGH, F, plan("wrong_plan")),
        ("meta_plan", MISSED, F, plan("missed_file")),
        ("meta_plan", None, F, plan("no_plan")),
        ("part_plan", TURNED, F, plan("wrong_order")),
        ("test_plan", HIGH, F, plan("wrong_plan")),
        ("adjustment", HIGH, F, plan("wrong_plan")),
        ("change_point_enum", HIGH, F, plan("missed_file")),
        ("part_grouping", HIGH, F, plan("tangled_parts")),
        ("part_grouping_binary", HIGH, F, plan("tangled_parts")),
        ("part_dependency", HIGH, F, plan("wrong_order")),
        ("step_dependency", HIGH, F, plan("wrong_order")),
        ("scope", HIGH, F, (Blame.RETRIEVAL_FAILURE, "missed_context")),
        ("precision_pass1", MISSED, F, (Blame.RETRIEVAL_FAILURE, "missed_context")),
        ("task_analysis", None, F, (Blame.RETRIEVAL_FAILURE, "missed_context")),
        ("scope", MISSED, P, SOUND),
    ],
)
def test_where_one_kind_varies_that_kind_is_at_fault(
    varied: str, fit: Fit | None, outcome: Outcome, expected: tuple[Blame, str]
) -> None:
    found = attribute(
        Evidence(outcome=outcome, alignment=fit, edits_applied=True, by_model=frozenset({varied})),
        POLICY,
    )

    assert found == Attribution(*expected)


def test_a_failure_of_the_commits_own_answers_blames_nobody() -> None:
    gold = Evidence(outcome=F, alignment=HIGH, edits_applied=True, by_model=frozenset())

    assert attribute(gold, POLICY) == Attribution(Blame.NOT_JUDGED, "gold_failed")


evidence = st.builds(
    Evidence,
    outcome=st.sampled_from(Outcome),
    alignment=st.none() | st.builds(Fit, *[st.sampled_from([0.0, 0.5, 0.7, 0.8, 1.0])] * 3),
    edits_applied=st.booleans(),
    by_model=st.frozensets(st.sampled_from(sorted(CALL_KINDS))),
)


@given(evidence)
def test_only_passed_and_failed_judge_and_only_failures_have_a_fault(given_: Evidence) -> None:
    found = attribute(given_, POLICY)

    assert (found.blame in {Blame.SOUND, Blame.OTHER_WAY}) == (given_.outcome is P)
    assert bool(found.fault) == (given_.outcome is F)
    if given_.outcome not in {P, F}:
        assert found == Attribution(Blame.NOT_JUDGED)


@given(evidence)
def test_nobody_is_blamed_for_what_the_commit_answered(given_: Evidence) -> None:
    blame = attribute(given_, POLICY).blame
    stages = {CALL_KINDS[name].stage for name in given_.by_model}

    if blame is Blame.CODING_FAILURE:
        assert given_.by_model & {"implement", "test_implement", "documentation"}
    if blame is Blame.PLANNING_FAILURE:
        assert stages & {"meta_plan", "step_plan", "test_plan"} or "adjustment" in given_.by_model


def test_an_unknown_kind_is_refused() -> None:
    odd = Evidence(outcome=P, alignment=HIGH, edits_applied=True, by_model=frozenset({"guess"}))

    with pytest.raises(ValueError, match="'guess' is no call kind"):
        attribute(odd, POLICY)
