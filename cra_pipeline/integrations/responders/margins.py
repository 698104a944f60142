"""How sure a served model is of yes: its logit of yes less that of no, for one question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cra_pipeline.contracts.campaigns import PROMPT_TOO_LONG
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.endpoint import Endpoint, read_key, require_reachable
from cra_pipeline.integrations.responders.windows import is_too_long

_MOST_SHOWN = 20
"""As many tokens as OpenAI-compatible servers show at most."""

_OK = 200
_FOREIGN = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Token(BaseModel):
    model_config = _FOREIGN

    token: str
    logprob: float


class _Place(BaseModel):
    model_config = _FOREIGN

    top_logprobs: tuple[_Token, ...] = Field(min_length=1)


class _Logprobs(BaseModel):
    model_config = _FOREIGN

    content: tuple[_Place, ...] = Field(min_length=1)


class _Choice(BaseModel):
    model_config = _FOREIGN

    logprobs: _Logprobs


class _Reply(BaseModel):
    model_config = _FOREIGN

    choices: tuple[_Choice, ...] = Field(min_length=1)


@dataclass(slots=True)
class MarginServer:
    """Asks a server that tells log-probabilities; lives in one event loop.

    Attributes:
        endpoint: The server; its model for scope calls is asked.
        environ: Holds the key, and says whether this machine stays for itself.
    """

    endpoint: Endpoint
    environ: Mapping[str, str]
    _session: aiohttp.ClientSession | None = None

    def __post_init__(self) -> None:
        """Refuse a server that may not be asked.

        Raises:
            ModelError: The server is elsewhere in an air gap, or its key is not set.
        """
        require_reachable(self.endpoint, self.environ)
        read_key(self.endpoint, self.environ)

    async def margin(self, system: str, prompt: str) -> float:
        """Logit of yes less that of no; one that is not shown counts as the least shown.

        Raises:
            ModelError: The server cannot be reached, refuses, or shows neither yes nor no.
        """
        body = {
            "model": self.endpoint.model_of("scope"),
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": prompt},
            ],
            "max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": _MOST_SHOWN,
            "stream": False, **self.endpoint.extra_body,
        }  # fmt: skip
        try:
            async with self._connected().post(
                self.endpoint.url, json=body, allow_redirects=False
            ) as response:
                told = await response.read()
                if response.status != _OK:
                    reason = f"{self.endpoint.url}: status {response.status}, expected 200"
                    if is_too_long(response.status, told):
                        reason = f"{PROMPT_TOO_LONG}: {reason}"
                    raise ModelError(reason)
        except (TimeoutError, aiohttp.ClientError) as error:
            # By its name: the text may show the headers that were sent.
            raise ModelError(f"{self.endpoint.url}: {type(error).__name__}") from None
        return self._margin(told)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _margin(self, told: bytes) -> float:
        try:
            shown = _Reply.model_validate_json(told).choices[0].logprobs.content[0].top_logprobs
        except ValidationError as error:
            raise ModelError(
                f"{self.endpoint.url}: no log-probabilities in the reply: serve the adapter with a "
                "server that has logprobs and top_logprobs"
            ) from error
        best: dict[str, float] = {}
        for one in shown:
            word = one.token.strip().lower()
            best[word] = max(best.get(word, -math.inf), one.logprob)
        if not {"yes", "no"} & set(best):
            raise ModelError(f"{self.endpoint.url}: neither yes nor no among {len(shown)} tokens")
        least = min(one.logprob for one in shown)
        return best.get("yes", least) - best.get("no", least)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            key = read_key(self.endpoint, self.environ)
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self.endpoint.timeout_s),
                connector=aiohttp.TCPConnector(limit=self.endpoint.concurrency),
                headers={"Authorization": f"Bearer {key}"} if key else {},
            )
        return self._session
