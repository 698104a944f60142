"""One model server as requests see it: its address may change, its answers must be its model's."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from pydantic_core import to_json

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.completions import parse_completion
from cra_pipeline.integrations.responders.queueing import queued

_LONGEST_BODY = 4 * 2**20
_QUOTED = 300
_LARGE = 2**20
_OK, _TOO_MANY, _UNAVAILABLE, _FAILED = 200, 429, 503, 500
_CLIENTS = frozenset({400, 413, 422})
# A server that drops idle connections early would cut off a request sent just then.
_IDLE_S = 2.0


class UnavailableError(ModelError):
    """There was no server to answer; says nothing about the model."""


class RefusedError(ModelError):
    """The server found the request itself wrong; says nothing about the model."""


class _BrokenOffError(Exception):
    """The connection failed, or the server was busy: worth another try."""


class _DiedError(_BrokenOffError):
    """The connection broke after the request was sent: the request itself may be the cause."""


class _FaultError(_DiedError):
    """The server told of a fault of its own: its last words, or what a model makes of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamPolicy:
    """Patience with a server.

    Attributes:
        timeout_s: Seconds for one try; the gateway gives up after 280.
        tries: Most for one answer, where the connection failed or the server was busy.
        deaths: Most for a request under which the connection broke: one that brings a server down
            must not bring down all that follow.
        wait_s: Seconds before the second try; doubled before each further one.
        settle_s: Seconds in which a server that told of a fault of its own may turn out to be
            ending: vLLM's front answers 500 after its engine has gone, and looks every 5 s.
        recover_s: Seconds that a request waits for a server that is started again; vLLM takes 100
            to 130 on a warm machine, and the gateway gives up after 290.
    """

    timeout_s: float = 270.0
    tries: int = 6
    deaths: int = 2
    wait_s: float = 0.1
    settle_s: float = 6.0
    recover_s: float = 200.0


class Upstream:
    """Asks one server, wherever it is at the moment; lives in one event loop.

    Attributes:
        name: Of the server, for messages.
        suspected: Told when a connection broke, so that whoever watches the server looks at once.
        waiting: Requests that wait for the server to come up.
        under_way: Requests that the server works on.
    """

    def __init__(self, name: str, policy: UpstreamPolicy | None = None) -> None:
        """Down until ``moved``."""
        self.name = name
        self.suspected: Callable[[], None] = lambda: None
        self.waiting = 0
        self.under_way = 0
        self._policy = policy or UpstreamPolicy()
        self._url = ""
        self._key = ""
        self._up = asyncio.Event()
        self._gone = asyncio.Event()
        self._life = 0
        self._session: aiohttp.ClientSession | None = None

    def moved(self, base_url: str, key: str = "") -> None:
        """The server answers at this address now, such as ``http://127.0.0.1:8001/v1``."""
        self._url = f"{base_url}/chat/completions"
        self._key = key
        self._life += 1
        self._gone.clear()
        self._up.set()

    def down(self) -> None:
        """The server does not answer; requests wait."""
        self._up.clear()
        self._gone.set()

    @property
    def is_up(self) -> bool:
        """Whether requests are sent at present."""
        return self._up.is_set()

    async def ask(self, request: ModelRequest, model: str) -> ModelAnswer:
        """The answer of a model; waits for a server that is being started again.

        Args:
            request: What is asked.
            model: The only one whose answer is taken.

        Raises:
            UnavailableError: No server came up in time, or it broke off again and again, or does
                not hold the model at present.
            RefusedError: The server found the request wrong.
            ModelError: The server lived on and failed at the request each time, was too slow, or
                another model answered.
        """
        body = to_json(request_body(request, model))
        wait_s, deaths = self._policy.wait_s, 0
        for number in range(self._policy.tries):
            await self._is_there()
            life = self._life
            try:
                return await self._once(request, model, body)
            except _BrokenOffError as error:
                self.suspected()
                deaths += isinstance(error, _DiedError)
                lives = isinstance(error, _FaultError) and not await self._ended(life)
                if number + 1 == self._policy.tries or deaths == self._policy.deaths:
                    kind = ModelError if lives else UnavailableError
                    raise kind(f"{self.name}: {error}") from None
            await asyncio.sleep(wait_s)
            wait_s *= 2
        raise AssertionError("tries are positive")  # pragma: no cover

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _is_there(self) -> None:
        if self._up.is_set():
            return
        self.waiting += 1
        try:
            with queued():
                async with asyncio.timeout(self._policy.recover_s):
                    await self._up.wait()
        except TimeoutError:
            raise UnavailableError(
                f"{self.name}: no server for {self._policy.recover_s:g} s: it is being started "
                "again; see what `cra-pipeline serve` printed"
            ) from None
        finally:
            self.waiting -= 1

    async def _ended(self, life: int) -> bool:
        """Whether a life of the server is over, or turns out to be within a while."""
        if self._life == life:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._policy.settle_s):
                    await self._gone.wait()
        return self._life != life or self._gone.is_set()

    async def _once(self, request: ModelRequest, model: str, body: bytes) -> ModelAnswer:
        self.under_way += 1
        try:
            status, content = await self._post(body)
        except TimeoutError:
            raise ModelError(
                f"{self.name}: no whole answer of {model} in {self._policy.timeout_s:g} s"
            ) from None
        except aiohttp.ClientConnectorError as error:
            raise _BrokenOffError(f"cannot be reached: {error.os_error}") from None
        except aiohttp.ClientError as error:
            # By its name: the text of a client's error may show the headers that were sent.
            raise _DiedError(f"the connection broke ({type(error).__name__})") from None
        finally:
            self.under_way -= 1
        if status in {_TOO_MANY, _UNAVAILABLE}:
            raise _BrokenOffError(f"busy, status {status}: {_quoted(content)}")
        if status != _OK:
            raise self._error(status, f"{model}: status {status}: {_quoted(content)}")
        try:
            completion = parse_completion(content, request.max_tokens)
        except ValueError as error:
            raise ModelError(f"{self.name}: {model}: status 200, but {error}") from None
        if completion.model != model:
            raise ModelError(
                f"{self.name}: asked for {model}, but {completion.model or 'no one'} answered: "
                "its answer is not taken"
            )
        return completion.answer(model=model, responder="served")

    def _error(self, status: int, told: str) -> Exception:
        if status >= _FAILED:
            return _FaultError(told)
        if status in _CLIENTS:
            return RefusedError(f"{self.name}: {told}")
        # No such model, or no admission: what a server lacks is no fault of the version.
        return UnavailableError(f"{self.name}: {told}")

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        async with self._connected().post(
            self._url,
            # A file costs more; a megabyte of bytes would be warned of.
            data=body if len(body) < _LARGE else io.BytesIO(body),
            headers=headers,
            allow_redirects=False,
        ) as response:
            content = await response.content.read(_LONGEST_BODY)
            while not response.content.at_eof():
                if len(content) >= _LONGEST_BODY:
                    raise ModelError(f"{self.name}: answer longer than {_LONGEST_BODY} bytes")
                content += await response.content.read(_LONGEST_BODY - len(content))
            return response.status, content

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
                timeout=aiohttp.ClientTimeout(total=self._policy.timeout_s),
                # Ours alone: no proxy of the environment, no cookies.
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


def request_body(request: ModelRequest, model: str) -> dict[str, object]:
    """A chat completion, the server's chat template over system and user text."""
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.prompt},
        ],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "stream": False,
        # As adapters are trained: reasoning models must open no thought in the answer.
        "chat_template_kwargs": {"enable_thinking": False},
    }


def _quoted(content: bytes) -> str:
    return repr(" ".join(content.decode(errors="replace").split())[:_QUOTED])
