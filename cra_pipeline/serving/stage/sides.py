"""The two sides of a migration: a server at an address, or what the registry says."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from cra_pipeline.contracts.ports import Responder
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.client import Door
from cra_pipeline.integrations.responders.closing import close
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.ollama import OllamaResponder, require_near
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline.integrations.serving.memory import listener_of
from cra_pipeline.serving.stage.deploying import Means
from cra_pipeline.serving.stage.migrating import Side
from cra_pipeline.serving.stage.running import Serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server and what is asked for there.

    Attributes:
        url: Of an OpenAI-compatible server, ending in ``/v1``; else of an Ollama or a gateway, the
            gateway's token behind its address. May hold a secret: it is shown by ``shown`` alone.
        model: Asked for where ``models`` says nothing.
        models: Model by call kind.
        key_variable: Environment variable with an OpenAI-compatible server's key.
    """

    url: str
    model: str
    models: Mapping[str, str] = field(default_factory=dict)
    key_variable: str = ""

    @property
    def shown(self) -> str:
        """Without path, user and password."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}"

    @property
    def is_openai(self) -> bool:
        """Whether it speaks OpenAI's protocol."""
        return urlsplit(self.url).path.rstrip("/").endswith("/v1")


@asynccontextmanager
async def at_address(address: Address) -> AsyncIterator[Side]:
    """A server that runs already.

    Raises:
        ModelError: It may not be asked: air gap, or a key that is not set.
    """
    responder = _responder(address)
    try:
        yield Side(
            name=address.shown,
            responder=responder,
            processes=lambda: listener_of(address.shown),
        )
    finally:
        await close(responder)


@asynccontextmanager
async def of_registry(layout: Layout, means: Means) -> AsyncIterator[Side]:
    """What the registry says serves, started for the time of the block.

    Raises:
        ModelError: Something in service cannot be served.
    """
    # What another form changes is just what is asked.
    terms = replace(means.terms, other_form=True)
    serving = Serving(layout, means.active, lambda *_: False, terms=terms, starter=means.starter)
    try:
        failed = await serving.refresh()
        if failed:
            raise ModelError(f"not everything in service can be served: {'; '.join(failed)}")
        yield Side(
            name=f"the registry's, by {means.terms.choice.name}",
            responder=serving.responder,
            processes=lambda: [
                instance.server.pid
                for instance in serving.line_up.instances.values()
                if instance.server is not None
            ],
        )
    finally:
        await serving.responder.close()
        await serving.close()


def _responder(address: Address) -> Responder:
    if address.is_openai:
        return OpenAIResponder(
            Endpoint(
                base_url=address.url,
                model=address.model,
                models=address.models,
                key_variable=address.key_variable,
            ),
            os.environ,
        )
    # In the path, errors would tell the token.
    door = Door(address=address.shown, token=urlsplit(address.url).path.strip("/"))
    require_near(door, os.environ)
    return OllamaResponder(door, address.model, address.models)
