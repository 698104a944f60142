"""A campaign takes the most valuable tasks first and stops where its policy says so."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.agents import AgentSettings
from cra_pipeline.contracts.campaigns import (
    CampaignSpec,
    ResponderSpec,
    campaign_plans,
    require_sound,
)
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.harness.attempts import attempt_row, judged_nothing, outside_run
from cra_pipeline.harness.campaigning import CampaignLimits, Meter, fingerprint, most_valuable
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
        (CampaignLimits(tokens=3_000_000), r"tokens: 3e\+06 of 3e\+06"),
        (CampaignLimits(money=5.0), "money: 5 of 5"),
        (CampaignLimits(hours=2.0), "hours: 2 of 2"),
        (CampaignLimits(calls=31, tokens=3_000_001, money=5.1, hours=2.1), ""),
        (CampaignLimits(), ""),
    ],
)
def test_a_limit_that_is_reached_is_named(limits: CampaignLimits, words: str) -> None:
    now = iter([0.0, 7200.0])
    meter = Meter(limits, (1.0, 2.0), lambda: next(now))
    meter.add(used(10, 1_000_000, 1_000_000))
    meter.add(used(20, 0, 1_000_000))
    reached = meter.reached()

    assert bool(reached) == bool(words)
    assert reached.replace("+", r"\+") == words


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
