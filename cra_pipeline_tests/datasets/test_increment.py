"""Which calls become candidates, with which answer, and why others do not."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.datasets.increment import (
    CommitFacts,
    Evidence,
    Increment,
    IncrementPolicy,
    offered,
)
from cra_pipeline_tests.contracts.regenerate import example

SHA = "1" * 40
PASSED, FAILED = Outcome.PASSED, Outcome.FAILED


def increment(
    *, fault: str = "", usable: bool = True, agent: str = "x", **fields: object
) -> Increment:
    """What one call comes to."""
    triple, attempt, call = example(TripleRow), example(AttemptRow), example(CallRecord)
    assert isinstance(triple, TripleRow)
    assert isinstance(attempt, AttemptRow)
    assert isinstance(call, CallRecord)
    plain = {
        "attempt_id": "a", "sha": SHA, "call_kind": "scope", "prompt_source": "logged",
        "responder": "openai", "output": "yes", "right_answer": "yes", "outcome": PASSED,
        "file_precision": 1.0, "file_recall": 1.0, "dependency_order": 1.0,
    }  # fmt: skip
    triple = triple.model_copy(update={**plain, **fields})
    attempt = attempt.model_copy(
        update={
            "attempt_id": "a", "outcome": triple.outcome, "usable": usable, "agent": agent,
            "by_model": ("meta_plan",),
        }
    )  # fmt: skip
    facts = CommitFacts(domain="d", licence="MIT", patch_id="p", committed_at=1, fault=fault)
    call = call.model_copy(update={"model": "student", "thinking": "Let me see."})
    evidence = Evidence(
        triples=(triple,), pairs=(), attempts={"a": attempt}, commits={SHA: facts},
        call=lambda _: call,
    )  # fmt: skip
    return offered(evidence, IncrementPolicy())


@pytest.mark.parametrize(
    ("fields", "answer", "source", "author", "label"),
    [
        ({}, "yes", "harness", "student", "diff"),
        ({"output": "no"}, "yes", "synthetic", "", "diff"),
        ({"output": '{"verdict": "yes"}'}, "yes", "synthetic", "", "diff"),
        ({"output": "no", "right_answer": "no", "outcome": FAILED}, "no", "harness", "student",
         "diff"),
        ({"responder": "gold"}, "yes", "synthetic", "", "diff"),
        ({"call_kind": "task_analysis", "output": "mine", "right_answer": "its"}, "its",
         "synthetic", "", "diff"),
        ({"call_kind": "task_analysis", "output": "mine", "right_answer": ""}, "mine",
         "harness", "student", "passed"),
        ({"call_kind": "implement", "output": "<edit>"}, "<edit>", "harness", "student", "passed"),
        ({"call_kind": "implement", "output": "<edit>", "responder": "gold"}, "<edit>",
         "synthetic", "", "passed"),
    ],
)  # fmt: skip
def test_a_call_is_an_example_of_its_right_or_its_proven_answer(
    fields: dict[str, object], answer: str, source: str, author: str, label: str
) -> None:
    (row,) = increment(**fields).rows  # type: ignore[arg-type]  # by name

    assert row.answers == (answer,)
    assert (row.origin.source, row.origin.author, row.label) == (source, author, label)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"prompt_source": "rendered"}, "rendered_prompt"),
        ({"call_kind": ""}, "unknown_call"),
        ({"call_kind": "stage_routing"}, "auxiliary_call"),
        ({"fault": "after_cut_off"}, "after_cut_off"),
        ({"right_answer": ""}, "right_answer_unknown"),
        ({"call_kind": "implement", "outcome": FAILED}, "attempt_failed"),
        ({"call_kind": "implement", "outcome": Outcome.TIMED_OUT}, "attempt_timed_out"),
        ({"call_kind": "implement", "output": " \n"}, "empty_answer"),
        ({"call_kind": "implement", "usable": False}, "not_usable"),
        ({"call_kind": "implement", "agent": "mutant"}, "untrusted_agent"),
        ({"call_kind": "meta_plan", "file_recall": 0.1}, "another_way"),
    ],
)
def test_a_call_that_is_no_example_says_why(arguments: dict[str, object], reason: str) -> None:
    found = increment(**arguments)  # type: ignore[arg-type]  # by name

    assert not found.rows
    assert [name.partition(": ")[2] for name in found.left_out] == [reason]


def test_a_question_to_which_both_answers_are_right_is_no_example() -> None:
    asked = [
        ("a", "yes", "one"), ("b", "no", "one"), ("c", "no", "two"), ("d", "", "two"),
    ]  # fmt: skip
    triple, attempt, call = example(TripleRow), example(AttemptRow), example(CallRecord)
    rows = tuple(
        triple.model_copy(
            update={
                "triple_id": name, "attempt_id": "a", "task_id": name, "sha": SHA,
                "call_kind": "scope", "prompt_source": "logged", "right_answer": right,
                "prompt": prompt, "prompt_hash": prompt, "outcome": PASSED,
            }
        )
        for name, right, prompt in asked
    )  # fmt: skip
    facts = CommitFacts(domain="d", licence="MIT", patch_id="p", committed_at=1, fault="")
    assert isinstance(attempt, AttemptRow)
    assert isinstance(call, CallRecord)
    found = offered(
        Evidence(
            triples=rows, pairs=(), attempts={"a": attempt}, commits={SHA: facts},  # type: ignore[arg-type]  # copies of an example
            call=lambda _: call,
        ),
        IncrementPolicy(),
    )  # fmt: skip

    assert [row.origin.row for row in found.rows] == ["c"]
    assert found.left_out == {
        "sft scope: conflicting_labels": 2, "sft scope: right_answer_unknown": 1,
    }  # fmt: skip


def test_reasoning_is_kept_where_a_planner_reasoned_and_nowhere_else() -> None:
    (plan,) = increment(call_kind="meta_plan", output="{}").rows
    (gold,) = increment(call_kind="meta_plan", output="{}", responder="gold").rows
    (code,) = increment(call_kind="implement", output="<edit>").rows

    assert plan.thinking == "Let me see."
    assert gold.thinking == code.thinking == ""
