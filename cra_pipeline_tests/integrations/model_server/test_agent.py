"""The real agent before real servers with trained adapters, by both of its ways to them."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.clean_room.direct import direct_start
from cra_pipeline.integrations.clean_room.installed import AGENT_VARIABLE, find_agent
from cra_pipeline.integrations.clean_room.programs import installed_program
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.integrations.model_server.install import installed
from cra_pipeline.integrations.model_server.table import RunningServer, Settings, server_named
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.integrations.clean_room.beds import make_bed, make_environment
from cra_pipeline_tests.integrations.clean_room.gold_front import (
    GoldFront,
    Workplace,
    kinds_of,
    make_workplace,
    running,
    solve_directly,
)
from cra_pipeline_tests.integrations.model_server.gold_worlds import (
    MODELS,
    gold_world,
    lessons,
)
from cra_pipeline_tests.integrations.model_server.models import generated
from cra_pipeline_tests.integrations.model_server.worlds import World

pytestmark = [pytest.mark.agent, pytest.mark.real, pytest.mark.slow]

TOKEN = "a-token-of-the-test"  # noqa: S105  # of this test alone
Served = tuple[RunningServer, World]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    if not os.environ.get(AGENT_VARIABLE):
        pytest.skip(f"{AGENT_VARIABLE} names no agent")
    folder = tmp_path_factory.mktemp("agent")
    bed = make_bed(folder / "bed", make_environment(folder / "env"))
    program = installed_program(os.environ)
    return make_workplace(bed.with_program(program), find_agent(os.environ).python)


@pytest.fixture(scope="module")
def world(place: Workplace, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Adapters taught by a run of the agent that the commit answered."""
    folder = tmp_path_factory.mktemp("taught")
    front = GoldFront(kinds_of(place), place.book)

    async def work() -> None:
        async with running(front):
            await solve_directly(place, front, folder / "gold")

    asyncio.run(work())
    return gold_world(Layout(folder / "workspace"), lessons(front))


@pytest.fixture(
    scope="module",
    params=[
        "transformers",
        pytest.param("vllm", marks=pytest.mark.serving),
        pytest.param("llama_server", marks=pytest.mark.serving),
    ],
)
def served(world: World, request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server with all adapters."""
    name: Any = request.param
    if name != "transformers":
        try:
            installed(world.layout, name)
        except ModelError as error:
            pytest.skip(str(error))
    with server_named(name)(world.layout, world.base, Settings(), None) as server:
        for version, folder in world.adapters.items():
            server.load(version, folder)
        yield server, world


@dataclass(frozen=True, slots=True)
class Solved:
    """What a solve left.

    Attributes:
        said: The agent's last words.
        calls: What it keeps of its calls.
        files: Of its branch.
    """

    said: str
    calls: list[tuple[object, ...]]
    files: dict[str, str]


def logged(repo: Path) -> list[tuple[object, ...]]:
    """What the agent itself keeps of its calls."""
    with closing(sqlite3.connect(repo / ".clean_room" / "raw.sqlite")) as raw:
        return raw.execute(
            "SELECT system_prompt, prompt, response, prompt_tokens, completion_tokens "
            "FROM retrieval_llm_calls ORDER BY id"
        ).fetchall()


async def directly(place: Workplace, served: Served, folder: Path) -> Solved:
    server, world = served
    repo = place.checkout(folder, "openai_compat", server.base_url)
    told: dict[str, object] = {
        "model": world.base.name,
        "kinds": {kind: {"model": model} for kind, model in MODELS.items()},
        "key_variable": "SERVER_KEY" if server.api_key else "",
    }
    environ = {"SERVER_KEY": server.api_key}

    async def run(*arguments: str) -> str:
        start = direct_start(place.python, arguments, environ, told)
        return await place.run(*start.command, **start.environ)

    await run("index", str(repo))
    said = await run("solve", "--repo", str(repo), "--", place.book.statement)
    return Solved(said, logged(repo), place.files(repo))


async def through_the_gateway(
    place: Workplace, served: Served, folder: Path
) -> tuple[Solved, tuple[CallRecord, ...]]:
    server, world = served
    endpoint = Endpoint(
        base_url=server.base_url, model=world.base.name, models=MODELS, own_model_only=True,
        key_variable="SERVER_KEY" if server.api_key else "",
    )  # fmt: skip
    kinds = {text: CALL_KINDS[kind] for text, kind in kinds_of(place).items()}
    responder = OpenAIResponder(endpoint, {"SERVER_KEY": server.api_key})
    gateway, listening = Gateway(responder, kinds), listen_loopback(0)
    log = folder.parent / "calls.jsonl"
    await gateway.start()
    try:
        await gateway.open_service(listening, log, token=TOKEN)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/{TOKEN}"
        repo = place.checkout(folder, "ollama", address)
        agent = (str(place.python), "-P", "-m", "clean_room_agent")
        await place.run(*agent, "index", str(repo))
        said = await place.run(*agent, "solve", "--repo", str(repo), "--", place.book.statement)
    finally:
        await gateway.stop()
    return Solved(said, logged(repo), place.files(repo)), read_calls(log).records


def test_a_solve_is_complete_by_both_ways_with_the_answers_of_the_trainers_own_models(
    place: Workplace, served: Served, tmp_path: Path
) -> None:
    """Marked ``real`` for the minutes in which adapters learn the task by heart."""
    _, world = served
    chat = HuggingFaceChat(world.base.folder)
    mine = asyncio.run(directly(place, served, tmp_path / "direct"))
    theirs, calls = asyncio.run(through_the_gateway(place, served, tmp_path / "gated"))

    assert "Status: complete" in mine.said
    assert {path: mine.files[path] for path in place.book.after} == place.book.after
    assert (mine.calls, mine.files) == (theirs.calls, theirs.files)
    assert len(calls) == len(mine.calls) > 30
    assert {call.model for call in calls} == set(MODELS.values())
    for call in calls:
        ids = generated(
            world.base.folder, world.adapters[call.model],
            chat.prompt_ids(call.system, call.prompt), CALL_KINDS[call.call_kind].cap,
        )  # fmt: skip

        assert call.response == chat.plain_text(ids), call.call_kind
