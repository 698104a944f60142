"""vLLM answers a question that names no model with the base; here such a question is refused.

Its folder is on the path of vLLM's interpreter, which knows nothing else of this project.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_REASON = "model: expected the name of a served model; none is meant without one"


class NamedModels:
    """Looks into the body of every question below ``/v1``; an ASGI middleware."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass on what names a model, and whatever is no question."""
        path, method = scope.get("path", ""), scope.get("method", "")
        if method != "POST" or not str(path).endswith(("/completions", "/responses", "/messages")):
            await self._app(scope, receive, send)
            return
        body, last = await _whole(receive)
        if _nameless(body):
            await _refuse(send)
            return
        await self._app(scope, _once_more(body, last, receive), send)


async def _whole(receive: Receive) -> tuple[bytes, Message]:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts), message


def _nameless(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except ValueError:
        return False  # vLLM says so itself.
    return isinstance(found, dict) and not found.get("model")


def _once_more(body: bytes, last: Message, receive: Receive) -> Receive:
    """The body as one message, then whatever comes: the client's leaving."""
    whole = {**last, "body": body, "more_body": False}
    waiting = [whole if last["type"] == "http.request" else last]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _refuse(send: Send) -> None:
    told = {"error": {"message": _REASON, "type": "BadRequestError", "param": "model", "code": 400}}
    content = json.dumps(told).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": content})
