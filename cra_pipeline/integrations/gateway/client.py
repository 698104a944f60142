"""Asks a gateway as the agent does, for smoke tests and comparisons."""

from __future__ import annotations

import io
from dataclasses import dataclass

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.protocol import ROUTE

_TIMEOUT_S = 300.0
_OK = 200
_QUOTED = 400


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore")

    response: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a gateway listens; holds a secret, so it is never printed.

    Attributes:
        address: Such as ``http://127.0.0.1:8000``.
        token: Of the service; empty where none is wanted.
    """

    address: str
    token: str = ""

    def __repr__(self) -> str:
        return f"Door({self.address})"


async def ask(  # noqa: PLR0913  # one keyword for each part of a question
    session: aiohttp.ClientSession, door: Door, *, model: str, system: str, prompt: str, most: int
) -> str:
    """The answer to one question, at temperature 0.

    Args:
        session: Open.
        door: Where the gateway, or an Ollama, listens.
        model: Tag, as the agent's settings name it.
        system: Decides the call kind.
        prompt: The question.
        most: Tokens of the answer.

    Raises:
        ModelError: There was no answer; the message is the gateway's own.
    """
    question = {
        "model": model,
        "system": system,
        "prompt": prompt,
        "stream": False,
        "options": {"temperature": 0.0, "num_predict": most},
    }
    headers = {"Content-Type": "application/json"}
    if door.token:
        headers["Authorization"] = f"Bearer {door.token}"
    try:
        async with session.post(
            f"{door.address}{ROUTE}",
            data=io.BytesIO(to_json(question)),
            headers=headers,
            allow_redirects=False,
        ) as reply:
            status, content = reply.status, await reply.read()
        found = _Reply.model_validate_json(content)
    except (TimeoutError, aiohttp.ClientError) as error:
        raise ModelError(f"{door.address}: no answer ({type(error).__name__})") from None
    except ValidationError:
        raise ModelError(f"{door.address}: status {status}, no JSON of a gateway") from None
    if status != _OK:
        raise ModelError(f"{door.address}: status {status}: {found.error[:_QUOTED]}")
    return found.response


def session() -> aiohttp.ClientSession:
    """For many questions; to be closed."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S), trust_env=False)
