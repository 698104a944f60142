"""A campaign takes the most valuable tasks first and stops where its policy says so."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.agents import AgentSettings
from cra_pipeline.contracts.campaigns import (
    SPEND_LIMIT_REACHED,
    CampaignSpec,
    CampaignUse,
    ResponderSpec,
    campaign_plans,
    require_sound,
)
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.harness.attempts import attempt_row, judged_nothing, outside_run
from cra_pipeline.harness.campaigning import (
    CampaignLimits,
    CampaignTerms,
    Meter,
    Tally,
    fingerprint,
    most_valuable,
    use_of,
)
from cra_pipeline_tests.harness.test_attempts import TASK

SPEC = CampaignSpec(
    name="trial",
    program="digest",
    round="r01",
    repos=("demo",),
    responder=ResponderSpec(name="gold"),
    settings=AgentSettings(name="plain"),
    temperatures=(0.3, 0.9),
    seeds=(0, 1),
)


DEAR = ResponderSpec(name="openai", prompt_price=1.0, completion_price=2.0)


def used(calls: int, prompt: int = 0, completion: int = 0) -> AttemptRow:
    plan, run = outside_run()
    row = attempt_row(
        TASK,
        "r01",
        plan,
        run,
        judged_nothing(Outcome.FAILED, "why", ""),
        attempt_id="a",
        patch="",
        imports=True,
    )
    return row.model_copy(
        update={"calls": calls, "prompt_tokens": prompt, "completion_tokens": completion}
    )


def test_every_cell_is_planned_once() -> None:
    plans = campaign_plans(SPEC)

    assert len(plans) == len({plan.digest() for plan in plans}) == 8
    assert {plan.campaign for plan in plans} == {SPEC.campaign_id}


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": (2,)},
        {"program": "other"},
        {"responder": ResponderSpec(name="openai", base_url="http://127.0.0.1:1/v1", model="m")},
        {"settings": AgentSettings(name="plain", decomposed=True)},
    ],
)
def test_another_policy_is_another_campaign(change: dict[str, object]) -> None:
    assert SPEC.model_copy(update=change).campaign_id != SPEC.campaign_id


def test_attempts_hang_on_program_settings_and_responder_and_not_on_the_name() -> None:
    assert fingerprint(SPEC.model_copy(update={"name": "again"})) == fingerprint(SPEC)
    assert fingerprint(SPEC.model_copy(update={"program": "other"})) != fingerprint(SPEC)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"repos": ()}, "repos"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"temperatures": (2.5,)}, "temperatures lie"),
        ({"forms": ()}, "forms"),
        ({"responder": ResponderSpec(name="openai", key_variable="sk-secret")}, "key variable"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as refusal:
        require_sound(SPEC.model_copy(update=change))
    assert "sk-secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (CampaignLimits(calls=30), "calls: 30 of 30"),
        (CampaignLimits(tokens=3_000_000), "tokens: 3,000,000 of 3,000,000"),
        (CampaignLimits(money=5.0), "money: 5 of 5"),
        (CampaignLimits(hours=2.0), "hours: 2 of 2"),
        (CampaignLimits(calls=31, tokens=3_000_001, money=5.1, hours=2.1), ""),
        (CampaignLimits(), ""),
    ],
)
def test_a_limit_that_is_reached_is_named(limits: CampaignLimits, words: str) -> None:
    now = iter([0.0, 7200.0])
    meter = Meter(limits, DEAR, lambda: next(now))
    meter.add(use_of(used(10, 1_000_000, 1_000_000), 0.0))
    meter.add(use_of(used(20, 0, 1_000_000), 0.0))

    assert meter.reached() == words


def test_hours_count_from_the_common_beginning_of_many_runs() -> None:
    limits = CampaignLimits(hours=2.0, began=1000.0)

    assert not Meter(limits, DEAR, lambda: 1000.0 + 7199).reached()
    assert Meter(limits, DEAR, lambda: 1000.0 + 7200).reached() == "hours: 2 of 2"


def refused(at: float) -> CampaignUse:
    row = used(3, 500_000, 250_000).model_copy(
        update={"outcome": Outcome.MODEL_ERROR, "detail": f"implement: {SPEND_LIMIT_REACHED}: 1 …"}
    )
    return use_of(row, at)


def test_a_refusal_to_spend_more_ends_its_own_run_and_leaves_the_rest_to_the_next() -> None:
    limited = DEAR.model_copy(update={"spend_limit": 4.0})
    meter = Meter(CampaignLimits(began=100.0), limited, lambda: 100.0)
    meter.add(refused(at=99.0))
    before, left = meter.reached(), meter.left_to_spend()
    meter.add(refused(at=101.0))

    assert (before, left) == ("", 3.0)
    assert meter.reached() == "spend limit: 2 of 4, and a further request may pass it"
    assert Meter(CampaignLimits(), DEAR).left_to_spend() is None


def test_what_is_overspent_leaves_nothing() -> None:
    meter = Meter(CampaignLimits(), DEAR.model_copy(update={"spend_limit": 0.5}))
    meter.add(refused(at=0.0))

    assert meter.left_to_spend() == 0.0


@pytest.mark.parametrize(
    "terms",
    [
        CampaignTerms(concurrency=2),
        CampaignTerms(requests_per_minute=30.0),
        CampaignTerms(prompt_price=1.0, completion_price=2.0, spend_limit=3.0),
    ],
)
def test_pace_prices_and_spend_limit_may_change_within_a_campaign(terms: CampaignTerms) -> None:
    changed = terms.applied(SPEC)

    assert changed.responder != SPEC.responder
    assert changed.campaign_id == SPEC.campaign_id
    assert fingerprint(changed) == fingerprint(SPEC)


def test_terms_that_are_not_given_stay_and_a_spend_limit_of_0_is_none() -> None:
    limited = SPEC.model_copy(update={"responder": DEAR.model_copy(update={"spend_limit": 4.0})})

    assert CampaignTerms().applied(limited) == limited
    assert CampaignTerms(spend_limit=0.0).applied(limited).responder.spend_limit is None


def test_the_success_rate_is_of_what_was_judged() -> None:
    tally = Tally()
    before = tally.words()
    for outcome in (Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.MODEL_ERROR):
        tally.add(used(1).model_copy(update={"outcome": outcome}))

    assert before == "none judged"
    assert tally.words() == "passed 2 of 3 (67 %)"


def test_mixed_small_new_tasks_come_first_and_tests_only_never() -> None:
    def task(sha: str, **changes: object) -> object:
        return TASK.model_copy(update={"sha": sha, "task_id": sha, "admitted": True, **changes})

    wide = "".join(f"\ndiff --git a/{n} b/{n}" for n in range(8))
    tasks = [
        task("old", committed_at=1),
        task("new", committed_at=2),
        task("wide", committed_at=3, gold_patch=wide),
        task("source", committed_at=4, kind="source-only"),
        task("tests", committed_at=5, kind="tests-only"),
        task("refused", committed_at=6, admitted=False),
    ]
    chosen = most_valuable(tasks, 0)  # type: ignore[arg-type]  # rows built by copies

    assert [row.task_id for row in chosen] == ["new", "old", "wide", "source"]
    assert [row.task_id for row in most_valuable(tasks, 1)] == ["new"]  # type: ignore[arg-type]  # as above
