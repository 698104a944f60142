"""One listening socket before a desk: HTTP in, HTTP out, and who may come in."""

from __future__ import annotations

import asyncio
import hmac
import socket

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from cra_pipeline.integrations.gateway.chat_protocol import (
    CHAT_ROUTE,
    MODELS_ROUTE,
    models_body,
)
from cra_pipeline.integrations.gateway.desk import OK, OLLAMA, OPENAI, Desk, Reply, Tongue
from cra_pipeline.integrations.gateway.protocol import ROUTE, error_body

_TOO_LONG, _UNAUTHORIZED, _NOT_FOUND, _NOT_ALLOWED = 413, 401, 404, 405


class Door:
    """Serves one desk on one socket."""

    def __init__(
        self, desk: Desk, listening: socket.socket, *, token: str, body_bytes: int, connections: int
    ) -> None:
        """Take over a listening socket; ``open`` begins to serve.

        Args:
            desk: Answers.
            listening: Unix or loopback.
            token: Wanted of every client, as a bearer or as the first part of the path, because
                the agent can set nothing but its base URL; empty where the socket belongs to one
                attempt alone.
            body_bytes: Longest body.
            connections: Most at once; more are closed unheard.
        """
        self._desk = desk
        self._listening = listening
        self._token = token
        self._body_bytes = body_bytes
        self._most = connections
        # An attempt's socket is the agent's alone; many kinds of clients share a service.
        self._tongues: dict[str, Tongue] = {ROUTE: OLLAMA}
        if token:
            self._tongues[CHAT_ROUTE] = OPENAI
        self._expected = " or ".join(self._tongues)

    async def open(self) -> None:
        """Serve until ``close``."""
        loop = asyncio.get_running_loop()
        # TCP_NODELAY is set and headers leave with the body: aiohttp does both by itself. Its
        # access log is off because a path may hold the token.
        self._web = web.Server(
            self._handle,
            request_factory=self._request,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
        )
        create = (
            loop.create_unix_server
            if self._listening.family == socket.AF_UNIX
            else loop.create_server
        )
        self._server = await create(self._protocol, sock=self._listening)

    async def close(self, grace_s: float) -> None:
        """Let no one in any more, and let answers under way end.

        Args:
            grace_s: After these seconds the calls that still wait are cancelled, and logged so.
        """
        self._server.close()
        self._web.pre_shutdown()
        await self._web.shutdown(grace_s)
        await self._server.wait_closed()

    def _protocol(self) -> asyncio.Protocol:
        return _Closed() if len(self._web.connections) >= self._most else self._web()

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        return web.BaseRequest(
            message, payload, protocol, writer, task, loop, client_max_size=self._body_bytes
        )

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        reply = await self._reply(request)
        return web.Response(
            status=reply.status, body=reply.body, headers={"Content-Type": "application/json"}
        )

    async def _reply(self, request: web.BaseRequest) -> Reply:
        path = request.raw_path
        if self._token:
            path = _admitted(path, request.headers.get("Authorization", ""), self._token)
        if not path:
            return _plain(_UNAUTHORIZED, "no token, or not this gateway's")
        if self._token and path == MODELS_ROUTE and request.method == "GET":
            return Reply(status=OK, body=models_body(self._desk.responder.name))
        tongue = self._tongues.get(path)
        if tongue is None:
            return _plain(_NOT_FOUND, f"nothing there; expected POST {self._expected}")
        if request.method != "POST":
            return _plain(_NOT_ALLOWED, f"{request.method}: expected POST {self._expected}")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            reason = f"(body): longer than {self._body_bytes} bytes"
            return await self._desk.refuse(_TOO_LONG, reason, tongue)
        return await self._desk.answer(body, tongue)


class _Closed(asyncio.Protocol):
    """Hangs up on a client that holds too many connections."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _admitted(path: str, authorization: str, token: str) -> str:
    """The path without a token in it; empty where the client has not shown the right one."""
    scheme, _, bearer = authorization.partition(" ")
    if scheme.lower() == "bearer" and _same(bearer.strip(), token):
        return path
    _, first, rest = ("/", *path.removeprefix("/").partition("/")[::2])
    return f"/{rest}" if _same(first, token) else ""


def _same(shown: str, token: str) -> bool:
    # Undecodable bytes of a header or path are surrogates, which no plain encoding takes.
    return hmac.compare_digest(shown.encode(errors="surrogateescape"), token.encode())


def _plain(status: int, reason: str) -> Reply:
    return Reply(status=status, body=error_body(reason))
