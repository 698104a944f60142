"""Calls of an attempt: kinds by equality, caps, faults named, everything logged."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.policy import GatewayPolicy
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.mixture import Mixture
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline_tests.integrations.gateway.clients import (
    IMPLEMENT,
    SCOPE,
    Noting,
    Scripted,
    Slow,
    connect,
    encoded,
    logged,
    opened,
    post,
    question,
    raw_request,
    refusing,
    serving,
)
from cra_pipeline_tests.integrations.responders.servers import completion, model_server, says


def test_an_answer_comes_in_ollamas_shape_and_its_line_tells_all(tmp_path: Path) -> None:
    async def work() -> tuple[int, dict[str, object]]:
        async with serving(Scripted()) as gateway:
            return await post(await opened(gateway, tmp_path, temperature=0.6))

    status, reply = asyncio.run(work())
    (record,) = logged(tmp_path)

    assert status == 200
    assert reply.pop("created_at")
    assert reply == {
        "model": "cra-classifier", "response": "yes", "done": True, "done_reason": "stop",
        "prompt_eval_count": 7, "eval_count": 1,
    }  # fmt: skip
    assert record.model_copy(update={"latency_ms": 0}) == CallRecord(
        attempt="a1", number=0, call_kind="scope", system=SCOPE, prompt=str(question()["prompt"]),
        response="yes", thinking="", prompt_tokens=7, completion_tokens=1, latency_ms=0,
        responder="scripted", model="script-1", temperature=0.6, seed=5, finish="stop", error="",
    )  # fmt: skip


def test_the_line_is_in_the_log_before_the_answer_is_heard(tmp_path: Path) -> None:
    async def work() -> None:
        async with serving(Scripted()) as gateway:
            path = await opened(gateway, tmp_path)
            for number in range(50):
                await post(path)

                assert [call.number for call in logged(tmp_path)] == list(range(number + 1))

    asyncio.run(work())


@pytest.mark.parametrize(
    ("system", "wished", "given"),
    [(SCOPE, 32000, 16), (SCOPE, 3, 3), (IMPLEMENT, 32000, 4096), (IMPLEMENT, 16, 16)],
)
def test_an_answer_is_capped_by_its_kind_and_by_the_agents_wish(
    system: str, wished: int, given: int, tmp_path: Path
) -> None:
    responder = Scripted()

    async def work() -> None:
        async with serving(responder) as gateway:
            path = await opened(gateway, tmp_path)
            options = {"temperature": 0.3, "num_predict": wished}
            await post(path, encoded(system=system, options=options))

    asyncio.run(work())

    assert [request.max_tokens for request in responder.requests] == [given]
    assert [request.temperature for request in responder.requests] == [0.3]


def test_thinking_is_parted_from_the_answer_in_reply_and_log(tmp_path: Path) -> None:
    async def work() -> dict[str, object]:
        async with serving(Scripted(lambda _: "<think>a <think>b</think>\n</think>\nyes")) as gate:
            return (await post(await opened(gate, tmp_path)))[1]

    reply = asyncio.run(work())
    (record,) = logged(tmp_path)

    assert (reply["response"], reply["thinking"]) == ("yes", "a <think>b</think>")
    assert (record.response, record.thinking) == ("yes", "a <think>b</think>")


def test_an_unknown_system_prompt_is_named_by_its_hash_and_never_guessed(tmp_path: Path) -> None:
    responder, odd = Scripted(), f"{SCOPE} "

    async def work() -> tuple[int, dict[str, object]]:
        async with serving(responder) as gateway:
            return await post(await opened(gateway, tmp_path), encoded(system=odd))

    status, reply = asyncio.run(work())
    (record,) = logged(tmp_path)

    assert status == 422
    assert hashlib.sha256(odd.encode()).hexdigest() in str(reply["error"])
    assert (record.call_kind, record.finish, record.system) == ("", "error", odd)
    assert record.error == reply["error"]
    assert responder.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{}", b"[" * 100_000,
        b'{"prompt": "\\ud800"}',
        encoded(stream=True), encoded(prompt=None), encoded(model=""), encoded(format="json"),
        encoded(options={"temperature": 0.0}),
        encoded(options={"temperature": "0", "num_predict": 1}),
        encoded(options={"temperature": -1.0, "num_predict": 1}),
        encoded(options={"temperature": 0.0, "num_predict": 0}),
        encoded().replace(b"0.0", b"NaN"),
        json.dumps({key: value for key, value in question().items() if key != "system"}).encode(),
    ],
)  # fmt: skip
def test_a_body_that_is_no_question_is_refused_and_logged(body: bytes, tmp_path: Path) -> None:
    async def work() -> tuple[int, dict[str, object], tuple[str, ...]]:
        async with serving(Scripted()) as gateway:
            path = await opened(gateway, tmp_path)
            status, reply = await post(path, body)
            assert (await post(path))[0] == 200
            return status, reply, gateway.model_errors("a1")

    status, reply, errors = asyncio.run(work())
    first, second = logged(tmp_path)

    assert status == 400
    assert (first.number, first.finish, first.error) == (0, "error", reply["error"])
    assert (second.number, second.finish) == (1, "stop")
    assert errors == ()  # what the agent sent is the agent's affair


class _Gold(Scripted):
    name = "gold"


@pytest.mark.parametrize("failing", ["a refusal", "no answer in time"])
def test_a_call_that_fails_inside_a_mixture_names_who_was_asked(
    failing: str, tmp_path: Path
) -> None:
    refused = failing == "a refusal"
    gold = _Gold(refusing) if refused else Slow()
    mixture = Mixture({"implement": Scripted()}, gold)

    async def work() -> None:
        async with serving(mixture, GatewayPolicy(answer_s=0.3)) as gateway:
            path = await opened(gateway, tmp_path)
            await post(path, encoded(system=IMPLEMENT))
            await post(path)

    asyncio.run(work())
    answered, failed = logged(tmp_path)

    assert (answered.call_kind, answered.finish, answered.responder) == (
        "implement", "stop", "scripted",
    )  # fmt: skip
    assert (failed.call_kind, failed.finish, failed.responder) == ("scope", "error", gold.name)
    assert "mixture" not in failed.error


def test_a_responder_without_an_answer_is_a_model_error_of_the_attempt(tmp_path: Path) -> None:
    async def work() -> tuple[int, dict[str, object], tuple[str, ...], tuple[str, ...]]:
        async with serving(Scripted(refusing)) as gateway:
            path = await opened(gateway, tmp_path)
            await opened(gateway, tmp_path, "a2")
            status, reply = await post(path)
            return status, reply, await gateway.close_attempt("a1"), gateway.model_errors("a2")

    status, reply, mine, others = asyncio.run(work())
    (record,) = logged(tmp_path)

    assert (status, reply) == (502, {"error": "server down"})
    assert (mine, others) == (("server down",), ())
    assert (record.finish, record.error, record.responder) == ("error", "server down", "scripted")


def test_a_responder_that_is_too_slow_is_a_model_error(tmp_path: Path) -> None:
    responder = Slow()

    async def work() -> tuple[int, tuple[str, ...]]:
        async with serving(responder, GatewayPolicy(answer_s=0.05)) as gateway:
            path = await opened(gateway, tmp_path)
            return (await post(path))[0], gateway.model_errors("a1")

    status, errors = asyncio.run(work())

    assert status == 502
    assert "no answer to scope in 0.05 s" in errors[0]
    assert responder.cancelled == 1


async def through_a_narrow_server(
    folder: Path,
    policy: GatewayPolicy,
    **terms: Any,  # noqa: ANN401  # passed on
) -> list[tuple[int, str]]:
    """Four attempts ask a server at once that takes 0.2 s for an answer."""

    async def slowly(asked: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return await says(completion())(asked)

    async with model_server(slowly) as server:
        endpoint = Endpoint(base_url=server.url, model="m", **terms)
        async with serving(OpenAIResponder(endpoint, {}), policy) as gateway:
            paths = [await opened(gateway, folder, f"a{number}") for number in range(4)]
            replies = await asyncio.gather(*(post(path) for path in paths))
    return [(status, str(reply)) for status, reply in replies]


@pytest.mark.parametrize("terms", [{"concurrency": 1}, {"requests_per_minute": 200}])
def test_waiting_for_our_own_limits_is_not_the_servers_time(
    tmp_path: Path, terms: dict[str, Any]
) -> None:
    policy = GatewayPolicy(answer_s=0.55)
    replies = asyncio.run(through_a_narrow_server(tmp_path, policy, **terms))

    assert [status for status, _ in replies] == [200] * 4


def test_a_queue_that_is_too_long_is_a_model_error_that_names_it(tmp_path: Path) -> None:
    policy = GatewayPolicy(whole_s=0.5)
    replies = asyncio.run(through_a_narrow_server(tmp_path, policy, concurrency=1))
    late = [text for status, text in replies if status == 502]

    assert 1 <= len(late) < 4
    assert all("in our own queue: allow more requests at once" in text for text in late)
    assert {call.call_kind for call in logged(tmp_path, "a3")} == {"scope"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_error_of_the_program_is_logged_by_its_name_alone(tmp_path: Path) -> None:
    async def work() -> tuple[int, tuple[str, ...]]:
        async with serving(Scripted(lambda _: KeyError("sk-secret"))) as gateway:
            path = await opened(gateway, tmp_path)
            with connect(path) as client:
                await asyncio.to_thread(client.sendall, raw_request(encoded()))
                status = (await asyncio.to_thread(client.recv, 65536)).split()[1]
            return int(status), gateway.model_errors("a1")

    status, errors = asyncio.run(work())
    (record,) = logged(tmp_path)

    assert status == 500
    assert record.error.startswith("KeyError inside the gateway")
    assert errors == (record.error,)
    assert "sk-secret" not in record.model_dump_json()


def test_every_answer_is_told_to_the_oracle_before_the_agent_hears_it(tmp_path: Path) -> None:
    oracle = Noting()

    async def work() -> None:
        async with serving(Scripted(lambda _: "<think>hm</think>no")) as gateway:
            path = await opened(gateway, tmp_path, oracle=oracle)
            await post(path)
            assert oracle.heard == [("scope", question()["prompt"], "no")]
            await post(path, b"{}")
            await post(path, encoded(system="unknown"))

    asyncio.run(work())

    assert len(oracle.heard) == 1


def test_a_client_that_leaves_is_logged_and_its_answer_given_up(tmp_path: Path) -> None:
    responder = Slow()

    async def work() -> tuple[str, ...]:
        async with serving(responder) as gateway:
            path = await opened(gateway, tmp_path)
            with connect(path) as client:
                client.sendall(raw_request(encoded()))
                await asyncio.sleep(0.2)
            while not logged(tmp_path):  # noqa: ASYNC110  # a file tells no event
                await asyncio.sleep(0.01)
            return gateway.model_errors("a1")

    errors = asyncio.run(asyncio.wait_for(work(), 20))
    (record,) = logged(tmp_path)

    assert record.error.startswith("the client left")
    assert (record.call_kind, record.finish, record.response) == ("scope", "error", "")
    assert responder.cancelled == 1
    assert errors == ()


def test_calls_of_one_attempt_are_answered_one_after_the_other(tmp_path: Path) -> None:
    under_way = most = 0

    class Counting(Slow):
        async def answer(self, request: Any) -> Any:  # noqa: ANN401  # as the parent's
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            answer = await super().answer(request)
            under_way -= 1
            return answer

    async def work() -> None:
        async with serving(Counting(0.01)) as gateway:
            path = await opened(gateway, tmp_path)
            await asyncio.gather(*(post(path) for _ in range(8)))

    asyncio.run(work())

    assert most == 1
    assert [call.number for call in logged(tmp_path)] == list(range(8))


def test_a_model_error_has_no_traceback_in_the_reply(tmp_path: Path) -> None:
    async def work() -> dict[str, object]:
        async with serving(Scripted(lambda _: ModelError("a\nb"))) as gateway:
            return (await post(await opened(gateway, tmp_path)))[1]

    assert asyncio.run(work()) == {"error": "a\nb"}
