"""Statuses and codes of failed answers, in both protocols, and what a service remembers of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.server import SERVICE
from cra_pipeline.integrations.responders.lane import QueueFullError, WindowError
from cra_pipeline.integrations.responders.upstream import RefusedError, UnavailableError
from cra_pipeline_tests.integrations.gateway.clients import SCOPE, TOKEN, Scripted, encoded, serving

CHAT = json.dumps({
    "model": "any", "messages": [
        {"role": "system", "content": SCOPE}, {"role": "user", "content": "File: till.py"},
    ],
}).encode()  # fmt: skip

FAULTS = (
    (WindowError("9 tokens"), 400, "context_length_exceeded"),
    (RefusedError("status 400"), 400, None),
    (UnavailableError("no server"), 503, None),
    (QueueFullError("2048 wait"), 503, None),
    (ModelError("not finite"), 502, None),
)


@pytest.mark.parametrize(("error", "status", "code"), FAULTS)
def test_a_status_tells_whose_fault_it_is(
    tmp_path: Path, error: ModelError, status: int, code: str | None
) -> None:
    async def work() -> None:
        async with serving(Scripted(lambda _: error)) as gateway, aiohttp.ClientSession() as client:
            listening = listen_loopback(0)
            address = f"http://127.0.0.1:{listening.getsockname()[1]}/{TOKEN}"
            await gateway.open_service(listening, tmp_path / "calls.jsonl", token=TOKEN)
            async with client.post(f"{address}/v1/chat/completions", data=CHAT) as reply:
                told = await reply.json()
                assert (reply.status, told["error"]["code"]) == (status, code)
                assert told["error"]["message"] == str(error)
            async with client.post(f"{address}/api/generate", data=encoded()) as reply:
                assert (reply.status, await reply.json()) == (status, {"error": str(error)})

    asyncio.run(work())


def test_a_service_remembers_its_last_errors_alone(tmp_path: Path) -> None:
    heard = 0

    def failing(_: object) -> ModelError:
        nonlocal heard
        heard += 1
        return ModelError(f"number {heard}")

    async def work() -> tuple[str, ...]:
        async with serving(Scripted(failing)) as gateway, aiohttp.ClientSession() as client:
            listening = listen_loopback(0)
            address = f"http://127.0.0.1:{listening.getsockname()[1]}/{TOKEN}"
            await gateway.open_service(listening, tmp_path / "calls.jsonl", token=TOKEN)
            for _ in range(150):
                async with client.post(f"{address}/api/generate", data=encoded()) as reply:
                    await reply.read()
            return gateway.model_errors(SERVICE)

    errors = asyncio.run(work())

    assert len(errors) == 100
    assert errors[-1] == "number 150"
