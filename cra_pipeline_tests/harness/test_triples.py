"""Triples say each thing once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import TripleRow, prompt_hash
from cra_pipeline.harness.records import Trace
from cra_pipeline.harness.rendering import SYSTEM
from cra_pipeline.harness.triples import call_kind, distinct, logged_triples, rendered_triple
from cra_pipeline_tests.contracts.regenerate import example


def triple(
    name: str,
    output: str,
    outcome: Outcome = Outcome.FAILED,
    *,
    task: str = "demo-1",
    right: str = "r",
) -> TripleRow:
    attempt = AttemptRow(
        attempt_id=name,
        task_id=task,
        repo="demo",
        round="r01",
        agent="mutant",
        configuration="x#1",
        temperature=0.0,
        seed=0,
        patch="",
        outcome=outcome,
        reason="why",
        detail="",
        failed_tests=(),
        imports=True,
    )
    return rendered_triple(
        attempt, sha="1" * 40, kind="source-only", prompt="p", output=output, right_answer=right
    )


def test_a_triple_carries_its_prompts_hash_and_its_attempts_outcome() -> None:
    row = triple("a", "o")

    assert row.prompt_hash == prompt_hash(SYSTEM, "p")
    assert (row.outcome, row.reason, row.prompt_source) == (Outcome.FAILED, "why", "rendered")


def test_equal_words_on_a_forks_task_are_another_triple() -> None:
    one, fork = triple("a", "o"), triple("b", "o", task="fork-1")

    assert one.triple_id == triple("c", "o").triple_id
    assert one.triple_id != fork.triple_id


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("tests-only", "test_implement"),
        ("source-only", "implement"),
        ("source-and-tests", "implement"),
    ],
)
def test_the_call_has_the_agents_own_name(kind: str, expected: str) -> None:
    assert call_kind(kind) == expected


@given(st.permutations(["a", "b", "c"]))
def test_equal_words_with_equal_outcomes_are_one_triple_whatever_the_order(
    order: list[str],
) -> None:
    said = {"a": "same", "b": "same", "c": "other"}
    rows = distinct(triple(name, said[name]) for name in order)

    assert {row.attempt_id for row in rows} == {"a", "c"}


def test_equal_words_with_another_outcome_are_two_triples() -> None:
    assert len(distinct([triple("a", "o"), triple("b", "o", Outcome.PASSED)])) == 2


def test_equal_words_where_another_answer_was_right_are_two_triples() -> None:
    assert len(distinct([triple("a", "o"), triple("b", "o", right="another")])) == 2


def test_one_call_where_another_answer_was_right_is_another_triple() -> None:
    trace, call = example(Trace), example(CallRecord)
    assert isinstance(trace, Trace)
    assert isinstance(call, CallRecord)
    made = trace.attempt.model_copy(update={"calls": 1})
    said = [
        logged_triples(
            trace.model_copy(update={"attempt": made, "right_answers": (right,)}),
            [call.model_copy(update={"finish": "stop"})],
            sha="1" * 40,
            alignment=None,
        )[0]
        for right in ("yes", "no", "yes")
    ]

    assert len(distinct(said)) == 2
