"""Model servers that misbehave, each in one way, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from cra_pipeline.contracts.calls import ModelRequest
from cra_pipeline.integrations.gateway.listening import listen_loopback

KEY = "sk-0123456789abcdef-top-secret"
"""A key that must turn up nowhere."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def request(**changed: object) -> ModelRequest:
    """A question."""
    made = ModelRequest(
        attempt="a1", number=0, call_kind="scope", model="cra-classifier", system="You judge.",
        prompt="File: till.py", temperature=0.3, seed=7, max_tokens=16,
    )  # fmt: skip
    return made.model_copy(update=changed)


def completion(text: str | None = "yes", **changed: object) -> dict[str, object]:
    """A reply as it should be."""
    body: dict[str, object] = {
        "id": "x",
        "model": "student-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13},
    }
    return body | changed


class Server:
    """Answers by a list of handlers in turn, the last one again and again; keeps what it heard."""

    def __init__(self, *handlers: Handler) -> None:
        self.handlers = list(handlers)
        self.bodies: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note the request and answer."""
        self.bodies.append(json.loads(await request.read()))
        self.headers.append(dict(request.headers))
        handler = self.handlers.pop(0) if len(self.handlers) > 1 else self.handlers[0]
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await handler(request)
        finally:
            self.under_way -= 1


@asynccontextmanager
async def model_server(*handlers: Handler) -> AsyncIterator[Server]:
    """A server on loopback for the time of the block."""
    server = Server(*handlers)
    application = web.Application()
    application.router.add_route("*", "/v1/chat/completions", server.handle)
    runner = web.AppRunner(
        application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    listening = listen_loopback(0)
    server.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    await web.SockSite(runner, listening).start()
    try:
        yield server
    finally:
        await runner.cleanup()


def says(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    """Answers JSON."""

    async def handler(_: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers=headers)

    return handler


def sends(content: bytes, content_type: str = "text/html", status: int = 200) -> Handler:
    """Answers anything."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type=content_type, status=status)

    return handler


async def hangs(_: web.Request) -> web.Response:
    """Answers never."""
    await asyncio.sleep(60)
    return web.Response()


async def drips(request: web.Request) -> web.StreamResponse:
    """Answers one byte after the other."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(600):
        await response.write(b" ")
        await asyncio.sleep(0.1)
    return response


async def cuts_off(request: web.Request) -> web.StreamResponse:
    """Breaks off in the middle of the body."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices": [')
    assert request.transport is not None
    request.transport.abort()
    return response


async def floods(request: web.Request) -> web.StreamResponse:
    """Never stops talking."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(64):
        await response.write(b"x" * 2**20)
    return response


async def echoes_key(request: web.Request) -> web.Response:
    """Repeats the key in an error, as some hosted servers do."""
    text = f"Incorrect API key provided: {request.headers['Authorization']}"
    return web.json_response({"error": {"message": text}}, status=401)


async def tells_key(request: web.Request) -> web.Response:
    """Repeats the key in its answer and name."""
    shown = request.headers["Authorization"]
    return web.json_response(completion(f"your header was {shown}", model=f"m {shown}"))
