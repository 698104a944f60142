"""OpenAI's protocol at the door of a service: the same calls, answered and logged alike."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import aiohttp
import pytest

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.integrations.gateway.chat_protocol import (
    CHAT_ROUTE,
    MODELS_ROUTE,
    chat_body,
    parse_chat,
)
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.responders.completions import parse_completion
from cra_pipeline_tests.integrations.gateway.clients import (
    SCOPE,
    TOKEN,
    Scripted,
    opened,
    post,
    service,
    serving,
)


def chat(**changed: object) -> dict[str, object]:
    """A body as OpenAI's clients send it."""
    body: dict[str, object] = {
        "model": "scope",
        "messages": [
            {"role": "system", "content": SCOPE},
            {"role": "user", "content": "File: till.py"},
        ],
        "max_tokens": 9,
    }
    return body | changed


def encoded(**changed: object) -> bytes:
    return json.dumps(chat(**changed)).encode()


def test_a_service_answers_both_protocols_and_logs_them_alike(tmp_path: Path) -> None:
    async def work() -> list[tuple[int, dict[str, object]]]:
        heard = []
        async with service(tmp_path) as port, aiohttp.ClientSession() as session:
            for path, body in (
                (f"/{TOKEN}{CHAT_ROUTE}", encoded()),
                (f"/{TOKEN}{CHAT_ROUTE}", encoded(tools=[])),
                (f"/{TOKEN}{CHAT_ROUTE}", b"{"),
                (CHAT_ROUTE, encoded()),
            ):
                url = f"http://127.0.0.1:{port}{path}"
                async with session.post(url, data=io.BytesIO(body)) as reply:
                    heard.append((reply.status, await reply.json()))
        return heard

    answered, unknown_key, torn, outside = asyncio.run(work())
    first, second, third = read_calls(tmp_path / "calls.jsonl").records

    assert answered[0] == 200
    found = parse_completion(json.dumps(answered[1]).encode(), 9)
    assert (found.text, found.model, found.finish) == ("yes", "scope", "stop")
    assert answered[1]["served_by"] == "script-1"
    assert (first.call_kind, first.model, first.prompt) == ("scope", "script-1", "File: till.py")
    assert (unknown_key[0], torn[0], outside[0]) == (400, 400, 401)
    assert "tools: Extra inputs" in str(unknown_key[1]["error"])
    assert (second.finish, third.finish) == ("error", "error")


def test_an_attempts_socket_speaks_the_agents_protocol_alone(tmp_path: Path) -> None:
    async def work() -> int:
        async with serving(Scripted()) as gateway:
            path = await opened(gateway, tmp_path)
            return (await post(path, encoded(), route=CHAT_ROUTE))[0]

    assert asyncio.run(work()) == 404


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 2}, "one of the system"),
        ({"stream": True}, "stream"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": 2.01}, "temperature"),
        ({"top_p": 0.9}, "top_p"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"frequency_penalty": -0.1}, "frequency_penalty"),
        ({"stop": ["."]}, "stop"),
        ({"n": 2}, "n: "),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": ""}, "model"),
    ],
)
def test_what_would_be_answered_otherwise_than_asked_is_refused(
    changed: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        parse_chat(encoded(**changed))


def test_the_smaller_of_two_limits_counts_and_no_limit_is_the_kinds_own() -> None:
    assert parse_chat(encoded(max_completion_tokens=4)).options.num_predict == 4
    assert parse_chat(encoded(max_tokens=None)).options.num_predict > 4096


def test_neutral_values_of_what_clients_send_along_are_taken() -> None:
    plain = parse_chat(encoded())
    neutral = {"top_p": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "n": 1, "stop": None}

    assert parse_chat(encoded(seed=7, user="me", stream=False, **neutral)) == plain


@pytest.mark.parametrize(
    ("asked_for", "claimed"),
    [("gpt-4", "gpt-4"), ("scope-v3", "scope-v3"), ("scope-v2", "scope-v3")],
)
def test_the_reply_repeats_the_name_and_tells_who_answered(asked_for: str, claimed: str) -> None:
    answer = ModelAnswer(text="no", model="scope-v3", responder="served", finish="length")
    told = json.loads(chat_body(answer, asked_for))

    assert (told["model"], told["served_by"]) == (claimed, "scope-v3")


def test_a_client_that_wants_a_list_of_models_gets_a_name_to_ask_by(tmp_path: Path) -> None:
    async def work() -> tuple[int, dict[str, list[dict[str, str]]], int]:
        async with service(tmp_path) as port, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}{MODELS_ROUTE}"
            async with session.get(url, headers={"Authorization": f"Bearer {TOKEN}"}) as reply:
                heard = reply.status, await reply.json()
            async with session.get(url) as reply:
                return *heard, reply.status

    status, body, outside = asyncio.run(work())

    assert (status, [model["id"] for model in body["data"]]) == (200, ["scripted"])
    assert outside == 401
