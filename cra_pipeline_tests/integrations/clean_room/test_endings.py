"""How a run's end is read: the machine first, then the model server, the program, its word."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.contracts.sandbox import Ending, SandboxResult
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.clean_room.endings import judged_ending
from cra_pipeline.integrations.clean_room.launch import Left
from cra_pipeline.integrations.responders.gold import GoldResponder
from cra_pipeline.integrations.responders.mixture import Mixture
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.integrations.responders.recorded import RecordedResponder
from cra_pipeline_tests.integrations.gateway.clients import (
    IMPLEMENT,
    Noting,
    Scripted,
    encoded,
    logged,
    opened,
    post,
    serving,
)
from cra_pipeline_tests.integrations.raw_db.databases import attempt_database

SANDBOX = SandboxResult(
    ending=Ending.EXITED,
    exit_code=0,
    channel=b"",
    stdout="",
    stderr="",
    wall_s=1.0,
    cpu_s=1.0,
    detail="",
)
CALL = CallRecord(
    attempt="a",
    number=0,
    call_kind="scope",
    system="s",
    prompt="p",
    response="yes",
    thinking="",
    prompt_tokens=None,
    completion_tokens=None,
    latency_ms=1,
    responder="gold",
    model="gold",
    temperature=0.0,
    seed=0,
    finish="stop",
    error="",
)


def left(database: bytes = b"", **changes: object) -> Left:
    """A run that ended by itself."""
    whole = Left(
        ending="exited",
        exit_code=0,
        output="",
        changed={},
        deleted=(),
        databases={"raw.sqlite": database} if database else {},
        sandbox=SANDBOX,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # fields by name


def failed(kind: str, error: str) -> CallRecord:
    return CALL.model_copy(update={"call_kind": kind, "error": error, "finish": "error"})


def sandbox(ending: Ending, detail: str = "why") -> SandboxResult:
    return SANDBOX.model_copy(update={"ending": ending, "detail": detail})


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    """A database of a run that is complete and validated."""
    return content(attempt_database(tmp_path / "raw.sqlite"))


def content(database: Path) -> bytes:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database.read_bytes()


MODEL = failed("scope", "gold: no answer in 280 s")
TOO_LONG = failed("implement", "longer than the model's window: http://x: status 400: 'no'")
QUOTED = failed("implement", "http://x: status 500: 'longer than the model's window'")
ABANDONED = failed("scope", "the client left, or the gateway was stopped, before the answer")
UNREAD = failed("", "system prompt with SHA-256 00 is none of the installed agent's")
ENDINGS = {
    "the sandbox did not start": (
        left(ending="", sandbox=sandbox(Ending.NOT_STARTED)), (MODEL,),
        Outcome.SANDBOX_ERROR, "sandbox_not_started", "why",
    ),
    "no answer, and the agent ended with an error": (
        left(exit_code=1), (CALL, MODEL),
        Outcome.MODEL_ERROR, "no_answer", "scope: gold: no answer",
    ),
    "the prompt was larger than the window, and always will be": (
        left(exit_code=1), (CALL, TOO_LONG),
        Outcome.AGENT_ERROR, "prompt_too_long", "implement: longer than the model's window: ",
    ),
    "a server that merely speaks of windows": (
        left(exit_code=1), (CALL, QUOTED), Outcome.MODEL_ERROR, "no_answer", "implement: http://x",
    ),
    "no answer, and the time ran out": (
        left(ending="killed"), (MODEL,), Outcome.MODEL_ERROR, "no_answer", "scope: ",
    ),
    "the time ran out during a call": (
        left(ending="interrupted"), (CALL, ABANDONED),
        Outcome.TIMED_OUT, "timed_out", "after 2 calls",
    ),
    "the sandbox's own time ran out": (
        left(ending="", sandbox=sandbox(Ending.TIMED_OUT)), (), Outcome.TIMED_OUT, "timed_out", "",
    ),
    "nothing came back": (
        left(ending="", output="boom", sandbox=sandbox(Ending.SIGNALLED, "ended by signal 9")), (),
        Outcome.AGENT_ERROR, "nothing_came_back", "signalled: ended by signal 9 boom",
    ),
    "too much came back": (
        left(ending="", sandbox=sandbox(Ending.CHANNEL_FLOODED)), (),
        Outcome.AGENT_ERROR, "nothing_came_back", "channel_flooded: why",
    ),
    "a call that nobody knows": (
        left(exit_code=1), (UNREAD,), Outcome.AGENT_ERROR, "unknown_call", "system prompt with",
    ),
    "a status": (
        left(exit_code=3, output="a\nKeyError: 'x'\n\n"), (),
        Outcome.AGENT_ERROR, "exit_3", "KeyError: 'x'",
    ),
    "no database": (
        left(), (), Outcome.AGENT_ERROR, "no_raw_db", "the agent left none",
    ),
    "a database that may not be opened": (
        left(output="x\nraw.sqlite: holds 't'\n"), (),
        Outcome.AGENT_ERROR, "no_raw_db", "holds 't'",
    ),
    "a database that is none": (
        left(b"hello" * 1000), (), Outcome.AGENT_ERROR, "no_raw_db", "file is not a database",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", sorted(ENDINGS))
def test_what_says_nothing_of_the_agent_s_work_has_its_own_name(how: str) -> None:
    ended, calls, outcome, reason, words = ENDINGS[how]
    found = judged_ending(ended, calls)

    assert (found.outcome, found.reason) == (outcome, reason)
    assert found.detail.startswith(words)


def test_a_complete_run_is_judged(good: bytes) -> None:
    found = judged_ending(left(good), (CALL, ABANDONED))

    assert found.outcome is None
    assert (found.status, found.withheld) == ("complete", "")


STATUSES = {
    "complete, not every part": ({"completed": 1, "total": 2}, None, "", "parts_missing"),
    "complete, not validated": ({"validations": ()}, None, "", "not_validated"),
    "complete, validated as wrong": ({"validations": (0,)}, None, "", "not_validated"),
    "failed": ({"status": "failed"}, Outcome.FAILED, "agent_failed", ""),
    "partial": ({"status": "partial"}, Outcome.FAILED, "agent_partial", ""),
    "killed in the middle": ({"status": "running"}, Outcome.AGENT_ERROR, "run_crashed", ""),
    "of another version": ({"status": "great"}, Outcome.AGENT_ERROR, "no_raw_db", ""),
}


@pytest.mark.parametrize("what", sorted(STATUSES))
def test_the_agent_s_word_decides_what_is_left(tmp_path: Path, what: str) -> None:
    told, outcome, reason, withheld = STATUSES[what]
    database = content(attempt_database(tmp_path / "raw.sqlite", **told))  # type: ignore[arg-type]  # keywords
    found = judged_ending(left(database, output="WARNING last\nword"), ())

    assert (found.outcome, found.reason, found.withheld) == (outcome, reason, withheld)


def test_details_are_short_and_on_one_line(tmp_path: Path) -> None:
    long = "x\n" * 5000
    ended = left(ending="", output=long)
    database = content(attempt_database(tmp_path / "raw.sqlite", status="failed"))

    for found in (
        judged_ending(ended, ()),
        judged_ending(left(exit_code=1, output=long), ()),
        judged_ending(left(database, output="WARNING " + "y" * 5000), ()),
    ):
        assert len(found.detail) <= 300
        assert "\n" not in found.detail


@pytest.mark.parametrize("model", [True, False])
def test_what_leads_the_commit_astray_is_the_models_failure_and_no_one_elses(
    tmp_path: Path, *, model: bool
) -> None:
    calls = of_a_mixture(tmp_path, by_kind={"implement": Scripted()} if model else {})
    found = judged_ending(left(exit_code=1), calls)

    # As the gateway logs them: what failed names the commit, which was asked in vain.
    assert [(call.responder, call.finish) for call in calls] == [
        ("scripted" if model else "gold", "stop" if model else "error"), ("gold", "error"),
    ]  # fmt: skip
    if model:
        assert (found.outcome, found.reason) == (Outcome.FAILED, "led_astray")
    else:
        assert (found.outcome, found.reason) == (Outcome.MODEL_ERROR, "no_answer")


@pytest.mark.parametrize("model", [True, False])
def test_a_campaign_that_is_answered_again_ends_as_it_did(tmp_path: Path, *, model: bool) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    calls = of_a_mixture(first, by_kind={"implement": Scripted()} if model else {})
    replayed = of_a_replay(first, again)
    found = judged_ending(left(exit_code=1), replayed)

    assert replayed[-1].responder == "recorded"
    assert found == judged_ending(left(exit_code=1), calls)
    assert found.reason == ("led_astray" if model else "no_answer")


def test_a_server_that_speaks_of_the_commit_is_no_commit() -> None:
    answered = CALL.model_copy(update={"responder": "openai"})
    words = "openai: status 500: the commit knows no answer"
    refused = failed("implement", words).model_copy(update={"responder": "openai"})
    found = judged_ending(left(exit_code=1), [answered, refused])

    assert (found.outcome, found.reason) == (Outcome.MODEL_ERROR, "no_answer")


def of_a_replay(recordings: Path, folder: Path) -> tuple[CallRecord, ...]:
    """What a gateway logs when the same is asked again, and recordings answer."""

    async def work() -> None:
        async with serving(RecordedResponder(recordings)) as gateway:
            path = await opened(gateway, folder)
            await post(path, encoded(system=IMPLEMENT))
            await post(path)

    asyncio.run(work())
    return logged(folder)


def of_a_mixture(folder: Path, by_kind: dict[str, Responder]) -> tuple[CallRecord, ...]:
    """What a gateway logs of a piece of code and a question where the commit knows no answer."""

    async def work() -> None:
        oracles = Oracles()
        oracles.add("a1", Noting(None))
        async with serving(Mixture(by_kind, GoldResponder(oracles)), oracles=oracles) as gateway:
            path = await opened(gateway, folder)
            await post(path, encoded(system=IMPLEMENT))
            await post(path)

    asyncio.run(work())
    return logged(folder)


def test_a_gateway_that_cannot_log_is_the_machines_fault() -> None:
    found = judged_ending(left(exit_code=1), [CALL], ["calls.jsonl: disk full"])

    assert (found.outcome, found.reason) == (Outcome.SANDBOX_ERROR, "gateway_failed")


def test_tests_that_could_not_be_run_are_the_machines_fault_whatever_the_agent_made_of_it(
    good: bytes,
) -> None:
    found = judged_ending(left(good), [CALL, MODEL], untested=["no process", "no process"])

    assert (found.outcome, found.reason) == (Outcome.SANDBOX_ERROR, "tests_not_run")
    assert found.detail == "no process"
