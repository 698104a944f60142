"""Refusals of servers as they word them, and what becomes of an attempt that meets one."""

from __future__ import annotations

import asyncio
import json

import pytest

from cra_pipeline.contracts.campaigns import PROMPT_TOO_LONG
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.model_server.protocol import TOO_LONG, error_body
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.margins import MarginServer
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline.integrations.responders.windows import is_too_long
from cra_pipeline_tests.integrations.responders.servers import model_server, request, says

OPENAI = {
    "message": "This model's maximum context length is 8192 tokens. However, you requested 9000.",
    "type": "invalid_request_error",
    "code": "context_length_exceeded",
}
VLLM = {
    "object": "error",
    "message": "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
}
LLAMA = {
    "code": 400,
    "message": "request (5000 tokens) exceeds the available context size (4096 tokens)",
    "type": "exceed_context_size_error",
}
OWN = error_body(400, "9 tokens of prompt and 8 of answer: 16 at most together", TOO_LONG)


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (400, {"error": OPENAI}, True),
        (400, VLLM, True),
        (400, {"error": LLAMA}, True),
        (400, OWN, True),
        (413, OWN, True),
        (400, error_body(400, "messages: expected one or more"), False),
        (404, {"error": {"message": "no such model", "code": "model_not_found"}}, False),
        (500, {"error": {"message": "while answering: maximum context length"}}, False),
        (503, OWN, False),
    ],
)
def test_a_window_is_known_by_the_words_of_its_server(
    status: int,
    body: object,
    found: bool,  # noqa: FBT001  # of the table
) -> None:
    assert is_too_long(status, json.dumps(body).encode()) is found


@pytest.mark.parametrize("body", [{"error": OPENAI}, VLLM, {"error": LLAMA}, OWN])
def test_what_can_never_fit_is_asked_once_and_told_apart(body: object) -> None:
    async def work() -> tuple[list[str], int]:
        told = []
        async with model_server(says(body, 400)) as server:
            endpoint = Endpoint(base_url=server.url, model="m", tries=3, wait_s=0.01)
            responder, margins = OpenAIResponder(endpoint, {}), MarginServer(endpoint, {})
            for ask in (
                lambda: responder.answer(request()),
                lambda: margins.margin("Answer.", "File: a.py"),
            ):
                try:
                    await ask()
                except ModelError as error:
                    told.append(str(error))
            await responder.close()
            await margins.close()
            return told, len(server.bodies)

    told, asked = asyncio.run(work())

    assert asked == len(told) == 2
    assert all(words.startswith(f"{PROMPT_TOO_LONG}: http://") for words in told)


def test_the_prefix_is_of_windows_alone() -> None:
    async def work() -> str:
        async with model_server(says({"error": "no such model"}, 404)) as server:
            responder = OpenAIResponder(Endpoint(base_url=server.url, model="m"), {})
            try:
                with pytest.raises(ModelError) as caught:
                    await responder.answer(request())
            finally:
                await responder.close()
            return str(caught.value)

    assert PROMPT_TOO_LONG not in asyncio.run(work())
