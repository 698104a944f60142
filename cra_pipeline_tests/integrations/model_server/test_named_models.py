"""A question without a model's name, inside of vLLM: refused; everything else passes unchanged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from cra_pipeline.integrations.model_server.within_vllm.named_models import Message, NamedModels

CHAT = "/v1/chat/completions"


def asked(path: str, parts: Iterable[bytes], method: str = "POST") -> tuple[int, list[bytes]]:
    """Status of the reply, and the bodies that the server itself got to see."""
    seen: list[bytes] = []
    sent: list[Message] = []
    pieces = list(parts)
    waiting: list[Message] = [
        {"type": "http.request", "body": part, "more_body": number + 1 < len(pieces)}
        for number, part in enumerate(pieces)
    ]

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def server(_scope: Message, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's
        while (message := await receive())["type"] == "http.request":
            seen.append(message["body"])
        await send({"type": "http.response.start", "status": 200})

    scope = {"type": "http", "path": path, "method": method}
    asyncio.run(NamedModels(server)(scope, receive, send))
    return int(sent[0]["status"]), seen


@pytest.mark.parametrize("told", [{}, {"model": ""}, {"model": None}, {"messages": [], "n": 1}])
@pytest.mark.parametrize("path", [CHAT, "/v1/completions"])
def test_without_a_name_nobody_answers(told: dict[str, object], path: str) -> None:
    assert asked(path, [json.dumps(told).encode()]) == (400, [])


def test_a_question_is_passed_on_whole_and_the_clients_leaving_after_it() -> None:
    body = json.dumps({"model": "scope-v1", "messages": ["x" * 999]}).encode()

    assert asked(CHAT, [body[:10], body[10:500], body[500:]]) == (200, [body])


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff"])
def test_what_is_no_object_is_the_servers_own_to_refuse(body: bytes) -> None:
    assert asked(CHAT, [body]) == (200, [body])


@pytest.mark.parametrize(
    ("path", "method"), [("/v1/models", "GET"), ("/v1/load_lora_adapter", "POST"), (CHAT, "GET")]
)
def test_nothing_else_is_looked_into(path: str, method: str) -> None:
    assert asked(path, [b"{}"], method) == (200, [b"{}"])
