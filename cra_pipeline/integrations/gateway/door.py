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
from cra_pipeline.integrations.gateway.deadline import Deadline
from cra_pipeline.integrations.gateway.desk import OK, OLLAMA, OPENAI, Desk, Reply, Tongue
from cra_pipeline.integrations.gateway.policy import GatewayPolicy
from cra_pipeline.integrations.gateway.protocol import ROUTE, error_body

_TOO_LONG, _TOO_SLOW, _UNAUTHORIZED, _NOT_FOUND, _NOT_ALLOWED = 413, 408, 401, 404, 405

_FULL_S = 1.0
"""That a client beyond the limit may take to send its request and to read the reply."""

_FULL_BODY = error_body("too many connections at once: close some, or come back later")
_FULL_REPLY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_FULL_BODY), _FULL_BODY)
)


class Door:
    """Serves one desk on one socket."""

    def __init__(
        self,
        desk: Desk,
        listening: socket.socket,
        *,
        token: str,
        policy: GatewayPolicy,
        connections: int,
    ) -> None:
        """Take over a listening socket; ``open`` begins to serve.

        Args:
            desk: Answers.
            listening: Unix or loopback.
            token: Wanted of every client, as a bearer or as the first part of the path, because
                the agent can set nothing but its base URL; empty where the socket belongs to one
                attempt alone.
            policy: Of bodies.
            connections: Most at once; as many again are told to come back, more are closed unheard.
        """
        self._desk = desk
        self._listening = listening
        self._token = token
        self._body_bytes, self._body_s = policy.body_bytes, policy.body_s
        self._arriving = Deadline(policy.body_s)
        self._turned_away: set[_Full] = set()
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
        for client in tuple(self._turned_away):
            client.hang_up()
        await self._web.shutdown(grace_s)
        await self._server.wait_closed()

    def _protocol(self) -> asyncio.Protocol:
        if len(self._web.connections) < self._most:
            return self._web()
        return _Full(self._turned_away) if len(self._turned_away) < self._most else _Closed()

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
        return await self._heard(request, tongue)

    async def _heard(self, request: web.BaseRequest, tongue: Tongue) -> Reply:
        try:
            body = await self._arriving.within(request.read())
        except web.HTTPRequestEntityTooLarge:
            reason = f"(body): longer than {self._body_bytes} bytes"
            return await self._desk.refuse(_TOO_LONG, reason, tongue)
        except TimeoutError:
            reason = f"(body): not whole in {self._body_s:g} s"
            return await self._desk.refuse(_TOO_SLOW, reason, tongue)
        return await self._desk.answer(body, tongue)


class _Full(asyncio.Protocol):
    """Tells a client beyond the limit to come back, whatever it asks."""

    def __init__(self, among: set[_Full]) -> None:
        self._among = among
        self._among.add(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # of a stream's server
        self._transport = transport
        # Not closed at once: what a client still sends would make the kernel drop the reply.
        self._end = asyncio.get_running_loop().call_later(_FULL_S, self.hang_up)
        self._is_told = False

    def data_received(self, data: bytes) -> None:
        del data
        if not self._is_told:
            self._is_told = True
            self._transport.write(_FULL_REPLY)
            self._transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._end.cancel()
        self._among.discard(self)

    def hang_up(self) -> None:
        self._transport.close()


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
