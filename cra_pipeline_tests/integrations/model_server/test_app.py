"""What the server hears over HTTP and says; the model behind it is real, in a thread of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cra_pipeline.contracts.calls import ModelRequest
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.model_server.app import ServerApp
from cra_pipeline.integrations.model_server.engine import OneThread
from cra_pipeline.integrations.model_server.model import LoadedModel
from cra_pipeline.integrations.model_server.policy import ServerPolicy
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline_tests.integrations.model_server.models import (
    PROMPT,
    SYSTEM,
    WINDOW,
    generated,
    prompt_ids,
)

pytestmark = pytest.mark.slow  # torch is imported

MOST = 8
TOKEN = "of whoever started it"  # noqa: S105  # no secret
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]


@pytest.fixture(scope="module")
def server(model: LoadedModel) -> Iterator[int]:
    """Port of a server in a thread."""
    listening = listen_loopback(0)
    port = int(listening.getsockname()[1])
    loop, ended = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        application = ServerApp(
            OneThread(model), token=TOKEN, policy=ServerPolicy(waiting=2)
        ).application()
        runner = web.AppRunner(application, handler_cancellation=True, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        await ended.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
        listening.close()


@contextmanager
def asked(
    port: int, path: str, body: object, *, token: str = "", method: str = "POST"
) -> Iterator[Any]:
    """The reply to a request, its status beside it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, content, {"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        yield response.status, json.loads(response.read())
    finally:
        connection.close()


def chat(port: int, model: str, **more: object) -> tuple[int, Any]:
    told = {"model": model, "messages": MESSAGES, "max_tokens": MOST, "temperature": 0, **more}
    with asked(port, "/v1/chat/completions", told) as (status, body):
        return status, body


def names(port: int) -> list[str]:
    with asked(port, "/v1/models", None, method="GET") as (_, body):
        return [item["id"] for item in body["data"]]


def test_base_and_adapters_answer_as_transformers_does(
    server: int, base: Path, adapters: dict[str, Path], model: LoadedModel
) -> None:
    prompt = prompt_ids(base)
    for name in ("tiny", "scope-v1", "tiny", "scope-v2"):
        status, body = chat(server, name)
        wanted = generated(base, adapters.get(name), prompt, MOST)
        ended = wanted[-1] in model.chat.end_ids

        assert (status, body["model"]) == (200, name)
        assert body["usage"]["completion_tokens"] == len(wanted)
        assert body["choices"][0]["message"]["content"] == model.decode(
            wanted[:-1] if ended else wanted
        )


def test_adapters_come_and_go_by_name(server: int, base: Path, adapters: dict[str, Path]) -> None:
    before = names(server)
    told = {"lora_name": "scope-v8", "lora_path": str(adapters["scope-v1"])}
    with asked(server, "/v1/load_lora_adapter", told, token=TOKEN) as (status, _):
        assert status == 200
    assert names(server) == [*before, "scope-v8"]
    assert chat(server, "scope-v8")[1]["choices"] == chat(server, "scope-v1")[1]["choices"]
    other = {**told, "lora_path": str(adapters["scope-v2"])}
    with asked(server, "/v1/load_lora_adapter", other, token=TOKEN) as (status, _):
        assert status == 409
    with asked(server, "/v1/unload_lora_adapter", told, token=TOKEN) as (status, _):
        assert status == 200
    broken = {"lora_name": "scope-v7", "lora_path": str(base)}
    with asked(server, "/v1/load_lora_adapter", broken, token=TOKEN) as (status, _):
        assert status == 400

    assert chat(server, "scope-v8")[0] == 404
    assert names(server) == before


def test_a_server_with_too_many_waiting_says_so(server: int) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(chat(server, "tiny", max_tokens=300)[0]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(found) == {200, 503}


def test_the_responder_of_the_gateway_is_answered(server: int) -> None:
    request = ModelRequest(
        attempt="a", number=0, call_kind="scope", model="cra-classifier", system=SYSTEM,
        prompt=PROMPT, temperature=0.0, seed=0, max_tokens=2,
    )  # fmt: skip

    async def answers() -> tuple[str, str]:
        endpoint = Endpoint(
            base_url=f"http://127.0.0.1:{server}/v1", model="tiny", own_model_only=True
        )
        responder = OpenAIResponder(endpoint, {})
        try:
            found = await responder.answer(request)
        finally:
            await responder.close()
        return found.model, found.text

    model, text = asyncio.run(answers())

    assert model == "tiny"
    assert text == chat(server, "tiny", max_tokens=2)[1]["choices"][0]["message"]["content"]


def test_tokens_of_a_dataset_are_those_of_the_server(server: int, base: Path) -> None:
    with asked(server, "/tokenize", {"model": "tiny", "messages": MESSAGES}) as (status, body):
        assert status == 200
        assert tuple(body["tokens"]) == prompt_ids(base)
        assert (body["count"], body["max_model_len"]) == (len(prompt_ids(base)), WINDOW)


def test_a_text_is_completed_as_it_stands(server: int, base: Path) -> None:
    ids = list(prompt_ids(base))
    told = {"model": "tiny", "prompt": ids, "max_tokens": MOST, "temperature": 0}
    with asked(server, "/v1/completions", told) as (status, body):
        assert status == 200
        text = chat(server, "tiny")[1]["choices"][0]["message"]["content"]
        assert body["choices"][0]["text"] == text


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/chat/completions", b"{no json", 400, "JSON"),
        ("/v1/chat/completions", {"model": "qwen", "messages": MESSAGES}, 404, "qwen"),
        ("/v1/chat/completions", {"model": "tiny", "messages": MESSAGES, "max_tokens": WINDOW}, 400,
         str(WINDOW)),
        ("/v1/completions", {"model": "tiny", "prompt": "far too long " * WINDOW}, 400, "together"),
        ("/v1/completions", {"model": "tiny", "prompt": [10**6]}, 400, "no token"),
        ("/tokenize", {"model": "tiny"}, 400, "either"),
        ("/v1/load_lora_adapter", {"lora_name": "a", "lora_path": "/"}, 403, "started"),
        ("/v1/nothing", {}, 404, ""),
    ],
)  # fmt: skip
def test_wrong_requests_hear_why(
    server: int, path: str, body: object, status: int, words: str
) -> None:
    with asked(server, path, body) as (found, told):
        assert found == status
        assert words in told["error"]["message"]
    assert chat(server, "tiny")[0] == 200


def test_a_client_that_leaves_frees_the_server(server: int) -> None:
    told = json.dumps({
        "model": "tiny", "messages": MESSAGES, "max_tokens": 400, "temperature": 2.0,
    }).encode()  # fmt: skip
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(told)}\r\n\r\n"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server)) as leaving:
            leaving.sendall(head.encode() + told)
            time.sleep(0.01)
    deadline = time.monotonic() + 60
    # Whoever stands behind those that left hears that the server is busy, for a moment only.
    while (status := chat(server, "tiny")[0]) == 503 and time.monotonic() < deadline:
        time.sleep(0.05)

    assert status == 200
