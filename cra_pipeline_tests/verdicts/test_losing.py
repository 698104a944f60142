"""A yes/no is held against the diff, every other answer against the tests and its own part."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import TripleRow, prompt_hash
from cra_pipeline.pairs.check import findings
from cra_pipeline.pairs.pairing import pair_up
from cra_pipeline.pairs.policy import PairPolicy
from cra_pipeline.verdicts.losing import contradiction

POLICY = PairPolicy()


def attempt(name: str, outcome: Outcome, reason: str = "") -> AttemptRow:
    return AttemptRow(
        attempt_id=name,
        task_id="r-1",
        repo="r",
        round="r01",
        agent="clean_room",
        configuration="plain",
        temperature=0.0,
        seed=0,
        patch="",
        outcome=outcome,
        reason=reason,
        detail="",
        failed_tests=(),
        imports=True,
        calls=1,
    )


def logged(  # noqa: PLR0913  # one keyword per property under test
    made: AttemptRow,
    kind: str,
    output: str,
    *,
    right: str = "",
    responder: str = "gold",
    recall: float = 1.0,
    prompt: str = "which",
) -> TripleRow:
    return TripleRow(
        triple_id=f"{made.attempt_id} {kind} {output} {prompt}",
        attempt_id=made.attempt_id,
        task_id=made.task_id,
        repo=made.repo,
        round=made.round,
        sha="1" * 40,
        call_kind=kind,
        prompt_source="logged",
        prompt_hash=prompt_hash("system", prompt),
        system="system",
        prompt=prompt,
        output=output,
        call_number=0,
        responder=responder,
        file_precision=1.0,
        file_recall=recall,
        file_overlap=recall,
        symbol_overlap=1.0,
        dependency_order=1.0,
        right_answer=right,
        outcome=made.outcome,
        reason=made.reason,
    )


GOLD = attempt("gold", Outcome.PASSED)
LUCKY = attempt("lucky", Outcome.PASSED)
LOST = attempt("lost", Outcome.FAILED, "fail_to_pass_failed")
UNDONE = attempt("undone", Outcome.FAILED, "agent_partial")
ERROR = attempt("error", Outcome.MODEL_ERROR, "no_answer")


def paired(*triples: TripleRow) -> list[tuple[str, str, str]]:
    attempts = [_answered(row, triples) for row in (GOLD, LUCKY, LOST, UNDONE, ERROR)]
    pairs = pair_up(triples, attempts, POLICY)
    assert findings(pairs, triples, attempts, rows=len(pairs)) == ()
    return [(pair.chosen, pair.rejected, pair.reason) for pair in pairs]


def _answered(made: AttemptRow, triples: tuple[TripleRow, ...]) -> AttemptRow:
    """The attempt, with the kinds that a model answered in it."""
    ours = [row for row in triples if row.attempt_id == made.attempt_id]
    kinds = sorted({row.call_kind for row in ours if row.responder != "gold"})
    return made.model_copy(update={"by_model": tuple(kinds)})


@pytest.mark.parametrize("wrong", [LUCKY, LOST, ERROR])
def test_a_yes_or_no_is_wrong_by_the_diff_whatever_became_of_the_attempt(
    wrong: AttemptRow,
) -> None:
    found = paired(
        logged(GOLD, "scope", "yes", right="yes"),
        logged(wrong, "scope", "no", right="yes", responder="openai"),
    )

    assert found == [("yes", "no", "wrong_answer: the diff says yes")]


@pytest.mark.parametrize("output", ["Yes.", "yes, because it is", "", '"yes"'])
def test_an_answer_that_the_agent_cannot_read_is_malformed(output: str) -> None:
    row = logged(LOST, "scope", output, right="yes", responder="openai")

    assert contradiction(row).startswith("malformed_answer")


def test_a_right_answer_in_a_lost_attempt_is_no_rejected_one() -> None:
    found = paired(
        logged(GOLD, "scope", "no", right="no"),
        logged(LOST, "scope", '{"verdict": "no"}', right="no", responder="openai"),
    )

    assert found == []


def test_a_wrong_answer_is_never_chosen() -> None:
    found = paired(
        logged(LUCKY, "scope", "yes", right="no", responder="openai"),
        logged(LOST, "scope", "maybe", right="no", responder="openai"),
    )

    assert found == []


def test_code_lost_where_the_model_wrote_the_code() -> None:
    found = paired(
        logged(GOLD, "implement", "right"),
        logged(LOST, "implement", "wrong", responder="openai"),
        logged(UNDONE, "implement", "no edits", responder="openai"),
        logged(ERROR, "implement", "cut", responder="openai"),
    )

    assert sorted(reason for _, _, reason in found) == [
        "botched_edit: plain: agent_partial",
        "wrong_code: plain: fail_to_pass_failed",
    ]


def test_a_gold_plan_is_not_at_fault_for_a_models_code() -> None:
    found = paired(
        logged(GOLD, "meta_plan", "plan"),
        logged(LOST, "meta_plan", "other plan"),
        logged(LOST, "implement", "wrong", responder="openai", prompt="code"),
    )

    assert found == []


def test_a_models_plan_that_misses_a_file_is_at_fault_and_its_code_is_not() -> None:
    found = paired(
        logged(GOLD, "meta_plan", "plan"),
        logged(LOST, "meta_plan", "half a plan", responder="openai", recall=0.5),
        logged(GOLD, "implement", "right", prompt="code"),
        logged(LOST, "implement", "wrong", responder="openai", recall=0.5, prompt="code"),
    )

    assert found == [
        ("plan", "half a plan", "missed_file: plain: fail_to_pass_failed"),
    ]


def test_blame_hangs_on_the_attempt_and_not_on_which_triples_are_left_of_it() -> None:
    # Its bad plan is another attempt's too, so only the code is left under its own name.
    lost = LOST.model_copy(update={"by_model": ("implement", "meta_plan")})
    triples = [
        logged(GOLD, "implement", "right", prompt="code"),
        logged(lost, "implement", "wrong", responder="openai", recall=0.5, prompt="code"),
    ]

    assert pair_up(triples, [GOLD, lost], POLICY) == ()


def test_an_answer_without_grounds_in_its_prompt_is_never_chosen() -> None:
    blind = GOLD.model_copy(update={"usable": False})
    triples = [
        logged(blind, "implement", "right"),
        logged(LOST, "implement", "wrong", responder="openai"),
    ]
    lost = LOST.model_copy(update={"by_model": ("implement",)})

    assert pair_up(triples, [blind, lost], POLICY) == ()
    assert len(pair_up(triples, [GOLD, lost], POLICY)) == 1


def test_the_plan_of_an_attempt_that_went_another_way_is_never_chosen() -> None:
    lucky = LUCKY.model_copy(update={"by_model": ("meta_plan",)})
    lost = LOST.model_copy(update={"by_model": ("meta_plan",)})
    triples = [
        logged(lucky, "meta_plan", "other plan", responder="openai", recall=0.5),
        logged(lost, "meta_plan", "bad plan", responder="openai", recall=0.5),
    ]

    assert pair_up(triples, [lucky, lost], POLICY) == ()


def test_code_that_passes_with_another_tree_than_the_commits_is_neither_chosen_nor_rejected() -> (
    None
):
    # ``usable`` is no wherever the tree differs: whether the grounds stood there is not known.
    own = LUCKY.model_copy(
        update={"by_model": ("implement",), "reproduced": False, "usable": False}
    )
    lost = LOST.model_copy(update={"by_model": ("implement",)})
    answers = [
        logged(own, "implement", "another way", responder="openai"),
        logged(lost, "implement", "another way", responder="openai"),
        logged(lost, "implement", "wrong", responder="openai"),
    ]
    pairs = pair_up([*answers, logged(GOLD, "implement", "right")], [GOLD, own, lost], POLICY)

    assert pair_up(answers, [own, lost], POLICY) == ()
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [("right", "wrong")]
