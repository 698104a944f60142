"""The server's addresses, and how many requests may wait behind them."""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from aiohttp import web

from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.model_server.decoding import LeftError, Wanted
from cra_pipeline.integrations.model_server.engine import Engine
from cra_pipeline.integrations.model_server.policy import ServerPolicy
from cra_pipeline.integrations.model_server.protocol import (
    BAD_REQUEST,
    BUSY,
    FAILED,
    TOO_LONG,
    Asked,
    ChatAsked,
    LoadAsked,
    RefusedError,
    TextAsked,
    TokensAsked,
    UnloadAsked,
    completion_body,
    error_body,
    parsed,
)

P = ParamSpec("P")
T = TypeVar("T")


class ServerApp:
    """HTTP around a model; lives in one event loop."""

    def __init__(self, model: Engine, *, token: str, policy: ServerPolicy) -> None:
        """Nothing is asked before the first request.

        Args:
            model: Answers; closed with the application.
            token: Shown by whoever loads and unloads adapters.
            policy: Numbers.
        """
        self._model = model
        self._token = token
        self._policy = policy
        self._numbers = itertools.count(1)
        self._waiting = 0

    def application(self) -> web.Application:
        """Routes and the wording of refusals."""
        app = web.Application(
            client_max_size=self._policy.body_bytes, middlewares=[_refusals_as_json]
        )
        app.add_routes([
            web.get("/health", self._health),
            web.get("/v1/models", self._models),
            web.post("/v1/chat/completions", self._chat),
            web.post("/v1/completions", self._text),
            web.post("/tokenize", self._tokens),
            web.post("/v1/load_lora_adapter", self._load),
            web.post("/v1/unload_lora_adapter", self._unload),
        ])  # fmt: skip
        app.on_cleanup.append(self._end)
        return app

    async def _end(self, app: web.Application) -> None:
        del app
        await self._model.close()

    async def _health(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "ok", "waiting": self._waiting})

    async def _models(self, request: web.Request) -> web.Response:
        del request
        base, window = self._model.name, self._model.window
        listed = [
            {
                "id": name,
                "object": "model",
                "created": 0,
                "owned_by": "cra-pipeline",
                "max_model_len": window,
                "parent": None if name == base else base,
            }
            for name in self._model.names
        ]
        return web.json_response({"object": "list", "data": listed})

    async def _chat(self, request: web.Request) -> web.Response:
        asked = parsed(await request.read(), ChatAsked)
        self._model.require(asked.model)
        messages = [message.model_dump() for message in asked.messages]
        return await self._answered(asked, self._model.chat.opened_ids(messages), "chat")

    async def _text(self, request: web.Request) -> web.Response:
        asked = parsed(await request.read(), TextAsked)
        self._model.require(asked.model)
        told = asked.prompt
        ids = self._model.chat.text_ids(told) if isinstance(told, str) else tuple(told)
        if any(not 0 <= token < self._model.chat.vocabulary for token in ids):
            raise RefusedError(BAD_REQUEST, "prompt: holds a number that is no token")
        return await self._answered(asked, ids, "text")

    async def _tokens(self, request: web.Request) -> web.Response:
        asked = parsed(await request.read(), TokensAsked)
        self._model.require(asked.model)
        if (asked.messages is None) == (asked.prompt is None):
            raise RefusedError(BAD_REQUEST, "expected either messages or prompt")
        if asked.messages is None:
            ids = self._model.chat.text_ids(asked.prompt or "")
        else:
            messages = [message.model_dump() for message in asked.messages]
            ids = self._model.chat.opened_ids(messages)
        return web.json_response(
            {"tokens": ids, "count": len(ids), "max_model_len": self._model.window}
        )

    async def _load(self, request: web.Request) -> web.Response:
        self._require_token(request)
        asked = parsed(await request.read(), LoadAsked)
        await self._waited(self._model.load, asked.lora_name, Path(asked.lora_path))
        return web.json_response({"loaded": asked.lora_name})

    async def _unload(self, request: web.Request) -> web.Response:
        self._require_token(request)
        asked = parsed(await request.read(), UnloadAsked)
        await self._waited(self._model.unload, asked.lora_name)
        return web.json_response({"unloaded": asked.lora_name})

    def _require_token(self, request: web.Request) -> None:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(shown.encode(), self._token.encode()):
            raise RefusedError(403, "adapters are loaded by whoever started this server")

    async def _answered(
        self, asked: Asked, prompt: tuple[int, ...], form: Literal["chat", "text"]
    ) -> web.Response:
        wanted = self._wanted(asked, prompt)
        answer = await self._waited(self._model.answer, asked.model, wanted)
        if wanted.shown is not None and not answer.places:
            raise RefusedError(BAD_REQUEST, "logprobs: this server tells none: leave it out")
        body = completion_body(
            next(self._numbers),
            asked.model,
            form,
            answer,
            len(prompt),
            word=self._model.chat.decode,
        )
        return web.json_response(body)

    def _wanted(self, asked: Asked, prompt: tuple[int, ...]) -> Wanted:
        room = self._model.window - len(prompt)
        most = room if asked.most is None else asked.most
        if not prompt or most > room or room < 1:
            raise RefusedError(
                BAD_REQUEST,
                f"{len(prompt)} tokens of prompt and {most} of answer: expected 1 or more, and "
                f"{self._model.window} at most together",
                code=TOO_LONG if prompt else "",
            )
        return Wanted(
            prompt=prompt,
            most=most,
            temperature=asked.temperature,
            seed=asked.seed,
            stops=asked.stops,
            shown=asked.shown,
        )

    async def _waited(
        self, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._waiting >= self._policy.waiting:
            raise RefusedError(BUSY, f"{self._waiting} requests are waiting: come back later")
        self._waiting += 1
        try:
            return await work(*args, **kwargs)
        finally:
            self._waiting -= 1


@web.middleware
async def _refusals_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as error:
        body = error_body(error.status, str(error), error.code)
        return web.json_response(body, status=error.status)
    except web.HTTPException as error:
        status, reason = error.status, error.reason or "refused"
    except PipelineError as error:
        status, reason = FAILED, str(error)
    except LeftError:
        status, reason = FAILED, "the client left"
    return web.json_response(error_body(status, reason), status=status)
