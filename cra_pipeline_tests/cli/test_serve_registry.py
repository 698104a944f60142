"""``cra-pipeline serve`` as its user sees it: real processes, a real little model, real signals.

Marked ``real`` for its time: each start of the model server imports torch.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from cra_pipeline.contracts.serving import Deployment
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.clean_room.stand_in.prompts import SYSTEM_PROMPTS
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.model_server.install import installed
from cra_pipeline.integrations.model_server.vllm_setup import vllm_python
from cra_pipeline.registry.stage.in_service import in_service, registered
from cra_pipeline.serving.stage.deploying import Means, check_deployment, deploy, deployment_path
from cra_pipeline_tests.integrations.gateway.clients import encoded
from cra_pipeline_tests.serving.logged import held, log_prompts
from cra_pipeline_tests.serving.real_worlds import real_world
from cra_pipeline_tests.serving.worlds import ServingWorld

pytestmark = [pytest.mark.slow, pytest.mark.real]

COMMAND = "from cra_pipeline.cli import main; main()"
START_S = 120.0
KIND = "task_analysis"


@pytest.fixture
def world(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServingWorld:
    monkeypatch.delenv("CRA_PIPELINE_AGENT_PYTHON", raising=False)
    made = real_world(layout, tmp_path / "models")
    # Of answers in free text: random weights say neither yes nor no, and would be taken back.
    made.serve(KIND, "r01")
    made.registered(KIND, "r02")
    return made


@dataclass(slots=True)
class Served:
    """The command at work."""

    process: asyncio.subprocess.Process
    layout: Layout
    lines: list[str] = field(default_factory=list)
    url: str = ""

    async def told(self, words: str) -> str:
        """Read until a line holds the words."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S):
            while True:
                line = (await self.process.stdout.readline()).decode()
                assert line, "".join(self.lines)
                self.lines.append(line)
                if words in line:
                    return line

    async def ready(self) -> None:
        """Wait for the address."""
        line = await self.told("listening on")
        token = (self.layout.root / "serving" / "token").read_text().strip()
        self.url = f"{line.split()[2].rstrip(',')}/{token}/api/generate"

    async def ask(self, session: aiohttp.ClientSession, kind: str = KIND) -> tuple[int, str]:
        """Status and answer."""
        body = encoded(
            system=SYSTEM_PROMPTS[kind], prompt="File: till.py",
            options={"temperature": 0.0, "num_predict": 6},
        )  # fmt: skip
        async with session.post(self.url, data=io.BytesIO(body)) as reply:
            told = await reply.json()
            return reply.status, str(told.get("response", told.get("error")))

    def children(self) -> list[psutil.Process]:
        """Servers."""
        return psutil.Process(self.process.pid).children(recursive=True)


@asynccontextmanager
async def serving(world: ServingWorld, *options: str) -> AsyncIterator[Served]:
    """The command for the time of the block."""
    environ = dict(os.environ) | {"CRA_PIPELINE_HOME": str(world.layout.root)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "serve", *options, stdout=-1, stderr=-2, env=environ
    )
    try:
        yield Served(process, world.layout)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def cli(world: ServingWorld, *arguments: str) -> None:
    environ = dict(os.environ) | {"CRA_PIPELINE_HOME": str(world.layout.root)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, *arguments, stdout=-1, stderr=-2, env=environ
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()


@pytest.mark.parametrize(
    "server",
    [
        "transformers",
        pytest.param("vllm", marks=pytest.mark.serving),
        pytest.param("llama_server", marks=pytest.mark.serving),
    ],
)
def test_promotion_rollback_and_a_killed_server_under_load_lose_no_request(
    world: ServingWorld, server: str
) -> None:
    if server in {"vllm", "llama_server"}:
        require_installed(world.layout, server)

    async def work() -> tuple[list[tuple[int, str]], list[str], int | None]:
        heard: list[tuple[int, str]] = []
        ended = asyncio.Event()
        async with (
            serving(world, "--server", server) as found,
            aiohttp.ClientSession() as session,
        ):
            await found.ready()

            async def client() -> None:
                while not ended.is_set():
                    heard.append(await found.ask(session))

            first = await found.ask(session)
            clients = [asyncio.create_task(client()) for _ in range(4)]
            await cli(world, "promote", KIND, f"{KIND}-v2", "--override", "a test")
            await found.told(f"{KIND}-v2 answers")
            second = await found.ask(session)
            for process in found.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            again = await found.ask(session)
            await cli(world, "rollback", KIND, "--reason", "a test")
            await found.told(f"{KIND}-v1 answers")
            ended.set()
            await asyncio.gather(*clients)
            third = await found.ask(session)
            found.process.send_signal(signal.SIGTERM)
            await found.told("ended")
            await found.process.wait()
            assert first == third != second == again
        return heard, found.lines, found.process.returncode

    heard, lines, code = asyncio.run(asyncio.wait_for(work(), 600))
    records = read_calls(world.layout.root / "serving" / "calls.jsonl").records

    assert code == 0
    assert {status for status, _ in heard} == {200}
    assert {record.finish for record in records} <= {"stop", "length"}
    assert len(records) == len(heard) + 4
    assert any("started again" in line for line in lines)


def require_installed(layout: Layout, name: Any) -> None:  # noqa: ANN401  # a server's name
    """Skip where it is not."""
    try:
        installed(layout, name)
    except ModelError as error:
        pytest.skip(str(error))


OPENAI_CLIENT = """
import json, sys, openai
told = json.load(sys.stdin)
client = openai.OpenAI(base_url=told["url"], api_key=told["key"], max_retries=0)
messages = [{"role": "system", "content": told["system"]}]
messages.append({"role": "user", "content": "File: till.py"})
ask = client.chat.completions.create
said = ask(model="any", messages=messages, temperature=0, max_tokens=6, seed=7)
try:
    ask(model="any", messages=messages, temperature=3)
except openai.BadRequestError as error:
    refused = error.status_code
print(json.dumps([said.model, said.model_extra, said.choices[0].message.content, refused]))
"""


@pytest.mark.serving
def test_openai_s_own_library_hears_the_version_in_service(world: ServingWorld) -> None:
    """By the library that vLLM's environment holds, and before a real vLLM."""
    require_installed(world.layout, "vllm")
    python = vllm_python(installed(world.layout, "vllm").folder)

    async def work() -> list[Any]:
        async with serving(world, "--server", "vllm") as found:
            await found.ready()
            key = (world.layout.root / "serving" / "token").read_text().strip()
            told = {"url": found.url.partition(f"/{key}/")[0] + "/v1", "key": key}
            told["system"] = SYSTEM_PROMPTS[KIND]
            client = await asyncio.create_subprocess_exec(
                str(python), "-c", OPENAI_CLIENT, stdin=-1, stdout=-1, stderr=-1
            )
            out, errors = await client.communicate(json.dumps(told).encode())
            assert client.returncode == 0, errors.decode()
            async with aiohttp.ClientSession() as session:
                _, text = await found.ask(session)
            return [*json.loads(out), text]

    model, extra, said, refused, text = asyncio.run(work())

    assert (model, extra) == ("any", {"served_by": f"{KIND}-v1"})
    assert (said or "") == text
    assert refused == 400


def test_a_killed_service_leaves_nothing_running_and_the_next_one_serves(
    world: ServingWorld,
) -> None:
    async def work() -> None:
        async with serving(world) as found:
            await found.ready()
            servers = found.children()
            found.process.kill()
            await found.process.wait()
            gone, alive = await asyncio.to_thread(psutil.wait_procs, servers, 20)
            assert len(gone) == len(servers) == 1
            assert not alive
        port = int(found.url.split(":")[2].split("/")[0])
        # On the same port, and on with the same log.
        async with serving(world, "--port", str(port)) as again, aiohttp.ClientSession() as client:
            await again.ready()
            status, _ = await again.ask(client)
            assert status == 200
            again.process.send_signal(signal.SIGINT)
            await again.told("ended")

    asyncio.run(asyncio.wait_for(work(), 300))


def test_a_taken_port_is_told_before_anything_is_started(world: ServingWorld) -> None:
    async def work() -> str:
        with listen_loopback(0) as taken:
            port = str(taken.getsockname()[1])
            async with serving(world, "--port", port) as found:
                assert found.process.stdout is not None
                out = await found.process.stdout.read()
                assert await found.process.wait() == 1
        return out.decode()

    told = asyncio.run(asyncio.wait_for(work(), 120))

    assert "cannot listen there" in told
    assert "Traceback" not in told


def test_a_deployment_of_a_real_model_is_what_was_gated(world: ServingWorld) -> None:
    log_prompts(world.layout, "Add a discount", call_kind=KIND)
    held(world.layout, KIND, "r01")
    with contextlib.chdir(world.layout.root):
        deploy(world.layout, "r01", Means(in_service))
    found = read_record(deployment_path(world.layout, "r01"), Deployment)

    assert check_deployment(world.layout, "r01", registered).passed
    assert [answer.model for answer in found.answers] == [f"{KIND}-v1"]
    assert json.loads(found.canonical_json())["server"] == "transformers"
