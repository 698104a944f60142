"""What a killed try has spent is on record before its attempt is made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.campaigns import CampaignSpec
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.campaigning import CampaignLimits, Meter
from cra_pipeline.harness.stage.campaigns import begin_campaign
from cra_pipeline.harness.stage.killed import note_killed
from cra_pipeline.harness.stage.use import metered, note_use
from cra_pipeline.integrations.calls import log_path
from cra_pipeline.integrations.files import partition_lock
from cra_pipeline.integrations.gateway.log import CallLog
from cra_pipeline_tests.harness.test_use import PAIR, row

CALL = CallRecord(
    attempt="cell",
    number=1,
    call_kind="implement",
    system="",
    prompt="",
    response="",
    thinking="",
    prompt_tokens=1_000_000,
    completion_tokens=None,
    latency_ms=1,
    responder="openai",
    model="m",
    temperature=0.0,
    seed=0,
    finish="stop",
    error="",
)


def logged(layout: Layout, attempt: str, calls: int, repo: str = "demo") -> Path:
    """The request log of a try, as it stands when its process is killed in the midst of a line."""
    path = log_path(layout, f"{repo}|{PAIR.round}", PAIR.campaign_id, attempt)
    log = CallLog(path)
    for _ in range(calls):
        log.append(CALL)
    log.close()
    with path.open("ab") as file:
        file.write(b'{"attempt": "torn')
    return path


def spent(layout: Layout, spec: CampaignSpec = PAIR) -> Meter:
    begin_campaign(layout, PAIR)
    note_killed(layout, spec, "demo")
    return metered(layout, spec, CampaignLimits())


def test_calls_of_killed_tries_count_once_in_whichever_run(layout: Layout) -> None:
    logged(layout, "a", 3)
    logged(layout, "b", 4, repo="other")
    logged(layout, "c", 0)
    first, second = spent(layout), spent(layout)

    assert (first.calls, first.money) == (second.calls, second.money) == (7, 7.0)


@pytest.mark.parametrize("kept", ["calls.killed.jsonl", "calls.jsonl.1"])
def test_every_try_of_an_attempt_counts_beside_the_finished_one(layout: Layout, kept: str) -> None:
    log = logged(layout, "a", 3)
    before = spent(layout).calls
    log.rename(log.with_name(kept))
    again = logged(layout, "a", 2)
    between = spent(layout).calls
    again.unlink()
    logged(layout, "a", 1)
    note_use(layout, PAIR, row("a", 1))

    assert (before, between) == (3, 5)
    assert spent(layout).calls == 6


def test_a_killed_try_counts_at_the_prices_of_its_own_run(layout: Layout) -> None:
    cheap = PAIR.responder.model_copy(update={"prompt_price": 0.25})
    cheaper = PAIR.model_copy(update={"responder": cheap})
    logged(layout, "a", 4)
    at_first = spent(layout, cheaper).money
    logged(layout, "b", 4)

    assert at_first == 4.0
    assert spent(layout).money == 5.0


def test_tries_of_a_repository_at_which_another_run_works_are_not_over(layout: Layout) -> None:
    logged(layout, "b", 4, repo="other")
    with partition_lock(layout, "attempts", f"other|{PAIR.round}"):
        meanwhile = spent(layout).calls

    assert (meanwhile, spent(layout).calls) == (0, 4)
