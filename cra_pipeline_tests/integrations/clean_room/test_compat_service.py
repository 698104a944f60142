"""The agent's own transport asks a service of this project, over a real socket."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cra_pipeline.integrations.clean_room import openai_compat
from cra_pipeline.integrations.clean_room.openai_compat import ROUTES_VARIABLE, OpenAICompatClient
from cra_pipeline_tests.integrations.clean_room.compat_agents import compat_site
from cra_pipeline_tests.integrations.gateway.clients import SCOPE, TOKEN, service


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Any]:
    """The stand-in, imported, and forgotten afterwards."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(compat_site(tmp_path / "site"))
        patched.setattr(openai_compat, "kinds_by_system", lambda: {SCOPE: "scope"})
        yield importlib.import_module("clean_room_agent.llm.client")
    for name in [name for name in sys.modules if name.startswith("clean_room_agent")]:
        del sys.modules[name]
    openai_compat.shared_http(False).close()
    openai_compat.shared_http.cache_clear()


@pytest.mark.parametrize("model", ["cra-classifier", "scope-v1"])
def test_an_agent_on_the_printed_address_is_answered_by_any_name_but_another_versions(
    agent: Any,  # noqa: ANN401  # a module
    model: str,
    tmp_path: Path,
) -> None:
    environ = {ROUTES_VARIABLE: json.dumps({"key_variable": "SERVICE_KEY"}), "SERVICE_KEY": TOKEN}

    async def work() -> object:
        async with service(tmp_path) as port:
            address = f"http://127.0.0.1:{port}/v1"
            config = agent.ModelConfig(model, address, "openai_compat")
            client = OpenAICompatClient(config, environ)
            try:
                return (await asyncio.to_thread(client.complete, "File: till.py", SCOPE)).text
            except httpx.HTTPError as error:
                return error

    heard = asyncio.run(work())

    assert heard == "yes" if model == "cra-classifier" else "script-1" in str(heard)
