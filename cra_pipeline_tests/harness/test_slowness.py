"""Answers that come too late are no failure of the agent."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.agents import AgentRun
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.harness.attempts import outside_run
from cra_pipeline.harness.campaigning import SPOILED
from cra_pipeline.harness.slowness import excused

LEFT = "the client left, or the gateway was stopped, before the answer"


def call(seconds: float, error: str = "") -> CallRecord:
    return CallRecord(
        attempt="a", number=0, call_kind="implement", system="s", prompt="p", response="",
        thinking="", prompt_tokens=None, completion_tokens=None, latency_ms=round(seconds * 1000),
        responder="openai", model="m", temperature=0.0, seed=0,
        finish="error" if error else "stop", error=error,
    )  # fmt: skip


def ended(outcome: Outcome | None, *calls: CallRecord) -> AgentRun:
    _, run = outside_run()
    return run.model_copy(update={"outcome": outcome, "reason": "why", "calls": calls})


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (ended(Outcome.TIMED_OUT, call(300), call(351)), "651 of 1300 s went to 2 answers"),
        (ended(Outcome.TIMED_OUT, call(651, LEFT)), "651 of 1300 s went to 1 answers"),
        (ended(Outcome.AGENT_ERROR, call(1), call(299, LEFT)), "implement: no answer in 299 s"),
    ],
)
def test_a_run_that_waited_in_vain_is_tried_again(run: AgentRun, words: str) -> None:
    found = excused(run, 1300.0)

    assert (found.outcome, found.reason, found.detail) == (
        Outcome.MODEL_ERROR, "slow_answers", words
    )  # fmt: skip
    assert found.outcome in SPOILED
    assert found.calls == run.calls


@pytest.mark.parametrize(
    "run",
    [
        ended(Outcome.TIMED_OUT, call(300), call(349)),
        ended(Outcome.TIMED_OUT),
        ended(Outcome.AGENT_ERROR, call(700)),
        ended(Outcome.AGENT_ERROR, call(10, LEFT)),
        ended(Outcome.AGENT_ERROR),
        ended(Outcome.FAILED, call(1300)),
        ended(None, call(1300)),
    ],
)
def test_all_other_runs_stay_as_they_are(run: AgentRun) -> None:
    assert excused(run, 1300.0) == run
