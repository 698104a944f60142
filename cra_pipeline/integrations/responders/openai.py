"""Answers by a model behind any OpenAI-compatible server: vLLM, llama-server, a hosted teacher."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from fractions import Fraction

import aiohttp
import stamina

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.campaigns import PROMPT_TOO_LONG
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.completions import (
    Completion,
    parse_completion,
    request_body,
)
from cra_pipeline.integrations.responders.endpoint import Endpoint, read_key, require_reachable
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.queueing import queued
from cra_pipeline.integrations.responders.spending import Budget, Pace
from cra_pipeline.integrations.responders.windows import is_too_long

_LONGEST_BODY = 4 * 2**20
_LONGEST_WAIT_S = 60.0
_ALL_TRIES_S = 270.0  # the gateway waits for 280 after the queue, the agent for 300 in all
_QUOTED = 200
_TEMPLATE_TOKENS = 64  # around two messages
_OK, _TOO_MANY, _SERVER_ERRORS = 200, 429, 500
# A server that drops idle connections early would cut off a request sent just then.
_IDLE_S = 2.0


class _PassingError(ModelError):
    """Worth another try; ``wait_s`` is the server's own wish, if it has one."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class OpenAIResponder:
    """Asks one server, within its limits; lives in one event loop."""

    name = "openai"

    def __init__(self, endpoint: Endpoint, environ: Mapping[str, str]) -> None:
        """Nothing is sent before the first question.

        Args:
            endpoint: The server and the terms.
            environ: Holds the key, and says whether this machine stays for itself.

        Raises:
            ModelError: The server is elsewhere in an air gap, or its key is not set.
        """
        require_reachable(endpoint, environ)
        self._key = read_key(endpoint, environ)
        self._endpoint = endpoint
        self._budget = Budget(
            prompt_price=endpoint.prompt_price,
            completion_price=endpoint.completion_price,
            limit=endpoint.spend_limit,
        )
        self._pace = Pace(endpoint.requests_per_minute)
        self._places = asyncio.Semaphore(endpoint.concurrency)
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def build(cls, ingredients: Ingredients) -> OpenAIResponder:
        """From the endpoint, with the key of this process's environment.

        Raises:
            ValueError: No endpoint is named.
        """
        if ingredients.endpoint is None:
            raise ValueError("openai: needs the address of a server and a model")
        return cls(ingredients.endpoint, os.environ)

    @property
    def spent(self) -> Fraction:
        """Spent so far, in the money of the prices."""
        return self._budget.spent

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """The model's answer; tried again where the connection failed or the server was busy.

        Raises:
            ModelError: None came, it cannot be used, or the spend limit is reached.
        """
        async with self._place():
            tries = stamina.retry_context(
                on=_again,
                attempts=self._endpoint.tries,
                timeout=_ALL_TRIES_S,
                wait_initial=self._endpoint.wait_s,
                wait_jitter=self._endpoint.wait_s,
                wait_max=_LONGEST_WAIT_S,
            )
            async for attempt in tries:
                with attempt:
                    if attempt.num > 1:
                        await self._turn()
                    return await self._once(request)
        raise AssertionError("stamina raises after the last attempt")  # pragma: no cover

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """A place and a first turn; the time until then is not the server's."""
        with queued():
            await self._places.acquire()
        try:
            await self._turn()
            yield
        finally:
            self._places.release()

    async def _turn(self) -> None:
        with queued():
            await self._pace.turn()

    async def _once(self, request: ModelRequest) -> ModelAnswer:
        # A token is at least one byte of text.
        most = len(request.system.encode()) + len(request.prompt.encode()) + _TEMPLATE_TOKENS
        held = self._budget.hold(most, request.max_tokens)
        cost = held  # of whatever ends unclearly: the server may have done all the work
        try:
            status, wait_s, body = await self._post(request)
            if status != _OK:
                cost = Fraction(0)
                raise self._refusal(status, wait_s, body)
            completion = self._completion(request, body)
            cost = self._cost(completion, held)
            return self._accepted(request, completion)
        except aiohttp.ClientConnectorError as error:
            cost = Fraction(0)
            raise _PassingError(f"{self._where}: cannot be reached: {error.os_error}") from None
        except TimeoutError:
            limit = self._endpoint.timeout_s
            raise ModelError(f"{self._where}: no whole answer in {limit:g} s") from None
        except aiohttp.ClientError as error:
            # By its name: the text of a client's error may show the headers that were sent.
            reason = f"{self._where}: broke off ({type(error).__name__})"
            raise _PassingError(reason) from None
        finally:
            self._budget.settle(held, cost)

    async def _post(self, request: ModelRequest) -> tuple[int, float | None, bytes]:
        """Status, wished wait in seconds, and body of one try."""
        async with self._connected().post(
            self._endpoint.url,
            # As a file: a body of bytes beyond a megabyte would be warned of.
            data=io.BytesIO(json.dumps(request_body(request, self._endpoint)).encode()),
            headers={"Content-Type": "application/json"},
            # Followed, a redirect could lead out of an air gap and take the key along.
            allow_redirects=False,
        ) as response:
            chunks, size = [], 0
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > _LONGEST_BODY:
                    raise ModelError(f"{self._where}: answer longer than {_LONGEST_BODY} bytes")
                chunks.append(chunk)
            return response.status, _wished(response.headers), b"".join(chunks)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
                timeout=aiohttp.ClientTimeout(total=self._endpoint.timeout_s),
                headers=headers,
            )
        return self._session

    def _completion(self, request: ModelRequest, body: bytes) -> Completion:
        try:
            return parse_completion(body, request.max_tokens)
        except ValueError as error:
            reason = f"{self._where}: status 200, but {self._clean(str(error))}"
            raise ModelError(f"{reason}; it sent: {self._quoted(body)}") from None

    def _accepted(self, request: ModelRequest, completion: Completion) -> ModelAnswer:
        asked = self._endpoint.model_of(request.call_kind)
        answered = completion.model or asked
        if self._endpoint.own_model_only and answered != asked:
            raise ModelError(
                f"{self._where}: asked for model {asked}, but {self._clean(answered)} answered: "
                "load that model or adapter on the server"
            )
        answer = completion.answer(model=self._clean(answered), responder=self.name)
        cleaned = {"text": self._clean(answer.text), "thinking": self._clean(answer.thinking)}
        return answer.model_copy(update=cleaned)

    def _cost(self, completion: Completion, held: Fraction) -> Fraction:
        counts = (completion.prompt_tokens, completion.completion_tokens)
        if counts[0] is None or counts[1] is None:
            return held
        return self._budget.price(counts[0], counts[1])

    def _refusal(self, status: int, wait_s: float | None, body: bytes) -> ModelError:
        reason = f"{self._where}: status {status}: {self._quoted(body)}"
        if is_too_long(status, body):
            return ModelError(f"{PROMPT_TOO_LONG}: {reason}")
        if status == _TOO_MANY or status >= _SERVER_ERRORS:
            return _PassingError(reason, wait_s)
        return ModelError(reason)

    @property
    def _where(self) -> str:
        return self._endpoint.url

    def _quoted(self, body: bytes) -> str:
        text = " ".join(self._clean(body.decode(errors="replace")).split())
        return repr(text[:_QUOTED])

    def _clean(self, text: str) -> str:
        """Without the key, which some servers repeat."""
        return text.replace(self._key, "[key]") if self._key else text


def _again(error: Exception) -> bool | float:
    """Whether, or after how many seconds, a try is worth another."""
    if not isinstance(error, _PassingError):
        return False
    return error.wait_s or True


def _wished(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks for, as far as they are bearable; dates are not read."""
    wish = headers.get("Retry-After", "")
    return min(float(wish), _LONGEST_WAIT_S) if wish.isdecimal() and wish.isascii() else None
