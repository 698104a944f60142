"""Plans that lead where the commit knows no answer are to blame, and are never chosen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.harness.attempts import models_kinds
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline.pairs.check import findings
from cra_pipeline.pairs.pairing import pair_up
from cra_pipeline.pairs.policy import PairPolicy
from cra_pipeline.verdicts.attribution import (
    Attribution,
    AttributionPolicy,
    Blame,
    Evidence,
    attribute,
)
from cra_pipeline.verdicts.losing import attributions
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.verdicts.test_losing import GOLD, attempt, logged

POLICY = PairPolicy()
ASTRAY = attempt("astray", Outcome.FAILED, "led_astray")


def by(made: AttemptRow, *kinds: str, usable: bool | None = None) -> AttemptRow:
    return made.model_copy(update={"by_model": kinds, "usable": usable})


@pytest.mark.parametrize(
    ("kinds", "recall", "expected"),
    [
        (("meta_plan",), 1.0, Attribution(Blame.PLANNING_FAILURE, "wrong_plan")),
        (("meta_plan",), 0.5, Attribution(Blame.PLANNING_FAILURE, "missed_file")),
        (("meta_plan", "implement"), 1.0, Attribution(Blame.PLANNING_FAILURE, "wrong_plan")),
        (("part_grouping", "implement"), 1.0, Attribution(Blame.PLANNING_FAILURE, "tangled_parts")),
        (("implement",), 1.0, Attribution(Blame.CODING_FAILURE, "wrong_code")),
        (("scope",), 1.0, Attribution(Blame.RETRIEVAL_FAILURE, "missed_context")),
    ],
)
def test_blame_for_what_led_astray_falls_on_the_plan_where_a_model_planned(
    kinds: tuple[str, ...], recall: float, expected: Attribution
) -> None:
    lost = by(ASTRAY, *kinds)
    rows = [logged(lost, kinds[0], "answer", responder="openai", recall=recall)]

    assert attributions(rows, {lost.attempt_id: lost}, POLICY.attribution) == {"astray": expected}


def test_the_plan_that_led_astray_is_rejected_and_the_code_written_for_it_is_not() -> None:
    lost = by(ASTRAY, "meta_plan", "implement", usable=False)
    triples = [
        logged(GOLD, "meta_plan", "plan"),
        logged(lost, "meta_plan", "other plan", responder="openai"),
        logged(GOLD, "implement", "right", prompt="code"),
        logged(lost, "implement", "something", responder="openai", prompt="code"),
    ]
    (pair,) = pair_up(triples, [GOLD, lost], POLICY)

    assert (pair.call_kind, pair.chosen, pair.rejected) == ("meta_plan", "plan", "other plan")
    assert pair.reason == "wrong_plan: plain: led_astray"
    assert findings([pair], triples, [GOLD, lost], rows=1) == ()


@pytest.mark.parametrize("asked_in_vain", ["meta_plan", "part_plan", "scope"])
def test_a_plan_that_the_commit_was_asked_for_in_vain_is_not_a_models(asked_in_vain: str) -> None:
    call = example(CallRecord)
    assert isinstance(call, CallRecord)
    calls = [
        call.model_copy(update={"call_kind": kind, "responder": responder, "finish": finish})
        for kind, responder, finish in (
            ("implement", "openai", "stop"),
            (asked_in_vain, "gold", "error"),
        )
    ]
    lost = by(ASTRAY, *models_kinds(calls))
    rows = [logged(lost, "implement", "answer", responder="openai")]
    found = attributions(rows, {lost.attempt_id: lost}, POLICY.attribution)

    assert lost.by_model == ("implement",)
    assert found == {"astray": Attribution(Blame.CODING_FAILURE, "wrong_code")}


def test_nothing_of_an_attempt_that_went_another_way_is_chosen() -> None:
    lucky = by(attempt("lucky", Outcome.PASSED), "meta_plan", usable=True)
    lost = by(attempt("lost", Outcome.FAILED, "fail_to_pass_failed"), "implement")
    triples = [
        logged(lucky, "meta_plan", "half", responder="openai", recall=0.5, prompt="plan"),
        logged(lucky, "implement", "code for half", recall=0.5),
        logged(lost, "implement", "wrong", responder="openai"),
    ]

    assert pair_up(triples, [lucky, lost], POLICY) == ()


_KINDS = ["meta_plan", "part_plan", "test_plan", "implement", "scope"]
_ENDINGS = [
    (Outcome.PASSED, ""),
    (Outcome.FAILED, "led_astray"),
    (Outcome.FAILED, "agent_failed"),
    (Outcome.FAILED, "fail_to_pass_failed"),
    (Outcome.MODEL_ERROR, "no_answer"),
]


@st.composite
def runs(draw: st.DrawFn, name: str) -> tuple[AttemptRow, list[TripleRow]]:
    kinds = draw(st.lists(st.sampled_from(_KINDS), unique=True))
    made = by(
        attempt(name, *draw(st.sampled_from(_ENDINGS))),
        *kinds,
        usable=draw(st.sampled_from([None, True, False])),
    )
    recall = draw(st.sampled_from([0.5, 1.0]))
    rows = [
        logged(
            made,
            kind,
            draw(st.sampled_from(["yes", "no"] if kind == "scope" else ["a", "b", "c"])),
            right="yes" if kind == "scope" else "",
            responder="openai" if kind in kinds else "gold",
            recall=recall,
        )
        for kind in _KINDS
    ]
    return made, rows


@given(st.tuples(*(runs(name) for name in "pqrs")))
def test_no_pair_follows_what_cannot_be_seen_or_went_another_way(
    drawn: tuple[tuple[AttemptRow, list[TripleRow]], ...],
) -> None:
    known = {made.attempt_id: made for made, _ in drawn}
    triples = [row for _, rows in drawn for row in rows]
    faults = attributions(triples, known, POLICY.attribution)
    for pair in pair_up(triples, known.values(), POLICY):
        if CALL_KINDS[pair.call_kind].form == "binary":
            assert pair.chosen == "yes"
        else:
            _require_right(pair, known, faults)


def _require_right(
    pair: PreferencePair, known: dict[str, AttemptRow], faults: dict[str, Attribution]
) -> None:
    chosen, rejected = known[pair.chosen_attempt], known[pair.rejected_attempt]

    assert chosen.outcome is Outcome.PASSED
    assert chosen.usable is not False
    assert faults[chosen.attempt_id].blame is Blame.SOUND
    assert pair.call_kind in rejected.by_model
    if rejected.reason == "led_astray" and pair.call_kind == "implement":
        assert not {"meta_plan", "part_plan", "test_plan"}.intersection(rejected.by_model)


@given(st.frozensets(st.sampled_from(sorted(CALL_KINDS))))
def test_without_a_models_plan_nothing_changes_for_being_led_astray(kinds: frozenset[str]) -> None:
    planning = {name for name, kind in CALL_KINDS.items() if "plan" in kind.stage} | {"adjustment"}
    found = [
        attribute(
            Evidence(
                outcome=Outcome.FAILED,
                alignment=None,
                edits_applied=True,
                by_model=kinds - planning,
                led_astray=astray,
            ),
            AttributionPolicy(),
        )
        for astray in (True, False)
    ]

    assert found[0] == found[1]
