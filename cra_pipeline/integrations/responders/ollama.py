"""Answers by an Ollama, or by whatever speaks its protocol: what agents were served by before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.client import Door, ask, session
from cra_pipeline.integrations.gateway.listening import is_loopback
from cra_pipeline.integrations.responders.endpoint import AIR_GAP_VARIABLE


@dataclass(slots=True)
class OllamaResponder:
    """Asks one server in the agent's own protocol; lives in one event loop.

    Attributes:
        door: Its address.
        model: Tag that is asked where ``models`` says nothing.
        models: Tag by call kind.
    """

    door: Door
    model: str
    models: Mapping[str, str] = field(default_factory=dict)
    name: str = "ollama"
    _session: aiohttp.ClientSession | None = None

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """What the model says.

        Raises:
            ModelError: There is no answer.
        """
        if self._session is None:
            self._session = session()
        model = self.models.get(request.call_kind, self.model)
        text = await ask(
            self._session,
            self.door,
            model=model,
            system=request.system,
            prompt=request.prompt,
            most=request.max_tokens,
        )
        return ModelAnswer(text=text, model=model, responder=self.name)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def require_near(door: Door, environ: Mapping[str, str]) -> None:
    """Refuse a server elsewhere where this machine is to stay for itself.

    Raises:
        ModelError: The air gap is on, and the address is not a loopback address.
    """
    host = urlsplit(door.address).hostname or ""
    if environ.get(AIR_GAP_VARIABLE, "") in {"", "0"} or host == "localhost" or is_loopback(host):
        return
    raise ModelError(f"{host}: not a loopback address, and {AIR_GAP_VARIABLE} is set")
