"""Errors, disagreement, cost and trend of call kinds."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.plans import CallCost, Rate
from cra_pipeline.logs.facts import call_costs, call_kind_facts, is_wrong, trend_of
from cra_pipeline.logs.intervals import rate
from cra_pipeline_tests.logs.groups import answers, calls


def share(found: Rate) -> tuple[int, int]:
    return found.hits, found.of


def test_what_cannot_be_read_or_was_cut_off_is_an_error() -> None:
    groups = [*calls("scope", 7, 2), *calls("scope", 1, finish="length")]
    (facts,) = call_kind_facts(groups, [], confidence=0.95)

    assert share(facts.errors) == (3, 10)
    assert facts.adapter_kind == "scope"


def test_answers_from_the_commit_say_nothing_of_a_model() -> None:
    (facts,) = call_kind_facts(
        calls("scope", 90, responder="gold"),
        answers("scope", 90, 0, responder="gold"),
        confidence=0.95,
    )

    assert (facts.commit_calls, facts.model_calls) == (90, 0)
    assert share(facts.errors) == share(facts.disagreement) == (0, 0)
    assert facts.rounds == ()


def test_disagreement_is_counted_call_by_call() -> None:
    (facts,) = call_kind_facts([], answers("scope", 6, 4), confidence=0.95)

    assert share(facts.disagreement) == (4, 10)


def test_rounds_are_told_in_their_order() -> None:
    groups = [*answers("scope", 5, 5, round="r10"), *answers("scope", 1, 9, round="r9")]
    (facts,) = call_kind_facts([], groups, confidence=0.95)

    assert [item.round for item in facts.rounds] == ["r9", "r10"]
    assert [share(item.disagreement) for item in facts.rounds] == [(9, 10), (5, 10)]


@pytest.mark.parametrize(
    ("hits", "trend"),
    [((), "unknown"), ((50,), "unknown"), ((50, 10), "better"), ((10, 50), "worse"),
     ((50, 48), "within_uncertainty")],
)  # fmt: skip
def test_a_trend_is_told_only_where_it_is_sure(hits: tuple[int, ...], trend: str) -> None:
    assert trend_of([rate(item, 100, confidence=0.95) for item in hits]) == trend


def test_costs_are_those_of_models() -> None:
    groups = [*calls("scope", 3), *calls("scope", 4, responder="gold")]

    assert call_costs(groups) == (CallCost(call_kind="scope", calls=3, latency_ms=50),)


@pytest.mark.parametrize(
    ("kind", "output", "outcome", "wrong"),
    [
        ("scope", "no", "passed", True),
        ("scope", "yes", "failed", False),
        ("implement", "yes", "failed", False),
        ("implement", "something else", "passed", False),
        ("implement", "something else", "failed", True),
        ("implement", "something else", "agent_error", None),
        ("task_analysis", "other words", "passed", False),
    ],
)
def test_where_many_answers_are_right_the_tests_decide(
    kind: str, output: str, outcome: str, *, wrong: bool | None
) -> None:
    (group,) = answers(kind, 1, 0, outcome=outcome)

    assert is_wrong(group.model_copy(update={"output": output})) is wrong
