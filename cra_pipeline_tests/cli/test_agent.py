"""``cra-pipeline agent`` as its user sees it: a process that becomes the agent."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from cra_pipeline.cli.agent import agent
from cra_pipeline_tests.integrations.clean_room.compat_agents import compat_site
from cra_pipeline_tests.integrations.responders.servers import (
    KEY,
    Server,
    completion,
    model_server,
    says,
)

COMMAND = "from cra_pipeline.cli.agent import agent; agent()"


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("agent")
    compat_site(folder / "env")
    return {
        **os.environ,
        "CRA_PIPELINE_AGENT_PYTHON": str(folder / "env" / "bin" / "python"),
        # The stand-in's environment has no httpx of its own.
        "PYTHONPATH": str(Path(httpx.__file__).parents[1]),
        "SERVER_KEY": KEY,
    }


def run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_process_becomes_the_agent_and_asks_the_server_itself(environ: dict[str, str]) -> None:
    async def work() -> tuple[subprocess.CompletedProcess[str], Server]:
        async with model_server(says(completion(model="scope-v3"))) as server:
            terms = ("--model-for", "scope=scope-v3", "--key-variable", "SERVER_KEY")
            done = await asyncio.to_thread(
                run, environ, *terms, "--base-url", server.url, "--", "http://x", "openai_compat"
            )
            return done, server

    done, server = asyncio.run(work())
    _, client, said = json.loads(done.stdout)

    assert (done.returncode, client, said["text"]) == (0, "OpenAICompatClient", "yes")
    assert server.bodies[0]["model"] == "scope-v3"
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in done.stdout + done.stderr


@pytest.mark.slow
def test_the_agent_s_own_failure_is_the_status(environ: dict[str, str]) -> None:
    done = run(environ, "--", "http://127.0.0.1:1", "openai_compat")

    assert done.returncode == 1
    assert "ConnectError" in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "ARGUMENTS"),
        (("--model-for", "scope", "solve"), "expected KIND=MODEL"),
        (("--model-for", "scoop=m", "solve"), "no call kind"),
        (("--routes", "/nowhere", "--model", "m", "solve"), "leave out the other options"),
        (("--routes", "/nowhere", "solve"), "no JSON object and no file"),
        (("--key-variable", "sk-secret", "solve"), "no name of a variable"),
    ],
)
def test_wrong_use_is_told(options: tuple[str, ...], reason: str, environ: dict[str, Any]) -> None:
    done = CliRunner().invoke(agent, options, env=environ)

    assert done.exit_code == 2
    assert reason in done.output
