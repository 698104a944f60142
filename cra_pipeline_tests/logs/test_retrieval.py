"""Which logged calls bear on a kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.logs import CallEvidence
from cra_pipeline.logs.retrieval import STAGES, by_cost, by_disagreement, by_outcome, select
from cra_pipeline_tests.logs.groups import evidence

RIGHT = evidence(0)
WRONG = evidence(1, output="no")
UNREADABLE = evidence(2, output="Yes!")
FAILED = evidence(3, outcome="failed")
CRASHED = evidence(4, outcome="agent_error")
DEAR = evidence(5, tokens=9000)
some_calls = st.lists(
    st.builds(
        evidence,
        st.integers(0, 30),
        output=st.sampled_from(["yes", "no", "?"]),
        outcome=st.sampled_from(["passed", "failed"]),
        tokens=st.integers(0, 50),
    ),
    max_size=20,
    unique_by=lambda call: call.number,
)


def test_a_call_weighs_by_each_rule_alone() -> None:
    assert [by_disagreement(call) for call in (RIGHT, WRONG, UNREADABLE)] == [0, 1, 2]
    assert [by_outcome(call) for call in (RIGHT, CRASHED, FAILED)] == [0, 0.5, 1]
    assert [by_cost(call) for call in (RIGHT, DEAR, evidence(6, tokens=0))] == [100, 9000, 100]


def test_unknown_right_answers_are_no_disagreement() -> None:
    assert by_disagreement(evidence(0, right_answer="", output="no")) == 0


def test_another_plan_than_the_commits_weighs_only_where_the_tests_failed() -> None:
    other = {"call_kind": "task_analysis", "output": "other words"}

    assert by_disagreement(evidence(0, **other)) == 0
    assert by_disagreement(evidence(0, outcome="failed", **other)) == 1


@pytest.mark.parametrize(
    ("stage", "first"), [("disagreement", UNREADABLE), ("outcome", FAILED), ("cost", DEAR)]
)
def test_a_stage_puts_the_weightiest_first(stage: str, first: CallEvidence) -> None:
    calls = [RIGHT, WRONG, UNREADABLE, FAILED, CRASHED, DEAR]

    assert STAGES[stage].ranked(calls)[0] == first


def test_stages_take_turns() -> None:
    found = select([RIGHT, WRONG, FAILED, DEAR], 3)

    assert [(ref.number, ref.rule) for ref in found] == [
        (1, "disagreement"), (3, "outcome"), (5, "cost"),
    ]  # fmt: skip


@given(some_calls, st.integers(0, 8))
def test_no_call_is_taken_twice_and_none_beyond_the_limit(
    calls: list[CallEvidence], limit: int
) -> None:
    found = select(calls, limit)

    assert len({(ref.attempt_id, ref.number) for ref in found}) == len(found) <= limit
    # Cost weighs every call, so all are found where there is room.
    assert len(found) == min(limit, sum(1 for call in calls if by_cost(call) or by_outcome(call)
                                        or by_disagreement(call)))  # fmt: skip


@given(some_calls)
def test_the_order_of_the_logs_makes_no_difference(calls: list[CallEvidence]) -> None:
    assert select(calls, 5) == select(calls[::-1], 5)


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(KeyError, match="mood"):
        select([RIGHT], 1, ["mood"])
