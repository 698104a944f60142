"""Clients and responders for tests of the gateway; all real, over real sockets."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from cra_pipeline.contracts.calls import CallRecord, ModelAnswer, ModelRequest
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.policy import GatewayPolicy
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.kinds import CALL_KINDS

SCOPE, IMPLEMENT = "You judge files.", "You edit code."
TOKEN = "t0ken-of-the-service"  # noqa: S105  # of the tests alone
KINDS = {SCOPE: CALL_KINDS["scope"], IMPLEMENT: CALL_KINDS["implement"]}


def question(**changed: object) -> dict[str, object]:
    """A request's body as the agent sends it."""
    body: dict[str, object] = {
        "model": "cra-classifier",
        "prompt": "Task: add\u2028 a “discount”\nFile: till.py",
        "stream": False,
        "options": {"temperature": 0.0, "num_predict": 32000},
        "system": SCOPE,
    }
    return body | changed


def encoded(**changed: object) -> bytes:
    """The same, as bytes."""
    return json.dumps(question(**changed)).encode()


async def post(
    path: Path, body: bytes | None = None, *, route: str = "/api/generate"
) -> tuple[int, dict[str, object]]:
    """Ask once over a unix socket."""
    connector = aiohttp.UnixConnector(str(path))
    sent = encoded() if body is None else body
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        # As a file: aiohttp warns of large bodies given as bytes.
        session.post(f"http://gateway{route}", data=io.BytesIO(sent)) as reply,
    ):
        return reply.status, await reply.json()


def raw_request(body: bytes, route: str = "/api/generate") -> bytes:
    """A request as it goes over the wire."""
    head = f"POST {route} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ask_blocking(path: Path, body: bytes | None = None) -> tuple[int, dict[str, object]]:
    """Ask once, from any thread."""
    return asyncio.run(post(path, body))


def connect(path: Path) -> socket.socket:
    """An open connection."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(10)
    client.connect(str(path))
    return client


class Scripted:
    """Says what a function makes of the request; raises where that returns an exception."""

    name = "scripted"

    def __init__(self, say: Callable[[ModelRequest], str | Exception] = lambda _: "yes") -> None:
        self.say = say
        self.requests: list[ModelRequest] = []

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """The scripted answer.

        Raises:
            ModelError: As scripted.
        """
        self.requests.append(request)
        said = self.say(request)
        if isinstance(said, Exception):
            raise said
        return ModelAnswer(
            text=said, model="script-1", responder=self.name, prompt_tokens=7, completion_tokens=1
        )


class Slow:
    """Answers when it is allowed to, or after a time."""

    name = "slow"

    def __init__(self, seconds: float = 60.0, *, only: str = "") -> None:
        self._seconds = seconds
        self._only = only
        self.cancelled = 0

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """After the time, for the attempt that is meant; at once for others."""
        if self._only in {"", request.attempt}:
            try:
                await asyncio.sleep(self._seconds)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return ModelAnswer(text="yes", model="slow-1", responder=self.name)


class Noting:
    """An oracle that notes what it hears and that it is never used twice at once."""

    def __init__(self, right: str | None = "yes") -> None:
        self._right = right
        self.heard: list[tuple[str, str, str]] = []

    def answer(self, call_kind: str, prompt: str) -> str:
        """Always the same.

        Raises:
            ValueError: There is none.
        """
        if self._right is None:
            raise ValueError(f"{call_kind} of {len(prompt)} characters is not in the diff")
        return self._right

    def observe(self, call_kind: str, prompt: str, response: str) -> None:
        """Note it."""
        self.heard.append((call_kind, prompt, response))


def refusing(_: ModelRequest) -> ModelError:
    """No answer, ever."""
    return ModelError("server down")


@asynccontextmanager
async def serving(
    responder: Responder,
    policy: GatewayPolicy | None = None,
    *,
    oracles: Oracles | None = None,
    sockets: Path | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway for the time of the block."""
    gateway = Gateway(responder, KINDS, oracles=oracles, sockets=sockets, policy=policy)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def opened(gateway: Gateway, folder: Path, key: str = "a1", **more: Any) -> Path:  # noqa: ANN401  # passed on
    """The socket of a new attempt."""
    settings: dict[str, Any] = {"temperature": None, "seed": 5} | more
    return await gateway.open_attempt(key, folder / key / "calls.jsonl", **settings)


def logged(folder: Path, key: str = "a1") -> tuple[CallRecord, ...]:
    """Its log."""
    calls = read_calls(folder / key / "calls.jsonl")
    assert calls.torn == 0
    return calls.records


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[int]:
    """The port of a gateway in ordinary service."""
    async with serving(Scripted()) as gateway:
        listening = listen_loopback(0)
        port = listening.getsockname()[1]
        await gateway.open_service(listening, folder / "calls.jsonl", token=TOKEN)
        yield port
