"""The real agent before real servers with trained adapters, by both of its ways to them."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.contracts.calls import CallRecord
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
from cra_pipeline_tests.integrations.clean_room.gold_front import Workplace, make_workplace
from cra_pipeline_tests.integrations.model_server.models import generated
from cra_pipeline_tests.integrations.model_server.worlds import World, whole_text

pytestmark = [pytest.mark.agent, pytest.mark.real, pytest.mark.slow]

WINDOW = 8192
TOKEN = "a-token-of-the-test"  # noqa: S105  # of this test alone
MODELS = {
    kind.name: "scope-v1" if kind.form == "binary" else "task_analysis-v1"
    for kind in CALL_KINDS.values()
    if kind.stage or kind.form == "binary"
}
"""Each kind is asked of an adapter that says at least something of its form."""
Served = tuple[RunningServer, World]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    if not os.environ.get(AGENT_VARIABLE):
        pytest.skip(f"{AGENT_VARIABLE} names no agent")
    folder = tmp_path_factory.mktemp("agent")
    bed = make_bed(folder / "bed", make_environment(folder / "env"))
    program = installed_program(os.environ)
    return make_workplace(bed.with_program(program), find_agent(os.environ).python)


@pytest.fixture(
    scope="module",
    params=[
        "transformers",
        pytest.param("vllm", marks=pytest.mark.serving),
        pytest.param("llama_server", marks=pytest.mark.serving),
    ],
)
def served(place: Workplace, request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server with all adapters; the place comes first, as it skips."""
    assert place
    name: Any = request.param
    world: World = request.getfixturevalue("trained")
    if name != "transformers":
        try:
            installed(world.layout, name)
        except ModelError as error:
            pytest.skip(str(error))
    base = replace(world.base, window=WINDOW)
    with server_named(name)(world.layout, base, Settings(), None) as server:
        for version, folder in world.adapters.items():
            server.load(version, folder)
        yield server, world


def logged(repo: Path) -> list[tuple[object, ...]]:
    """What the agent itself keeps of its calls."""
    with closing(sqlite3.connect(repo / ".clean_room" / "raw.sqlite")) as raw:
        return raw.execute(
            "SELECT system_prompt, prompt, response, prompt_tokens, completion_tokens "
            "FROM retrieval_llm_calls ORDER BY id"
        ).fetchall()


async def directly(place: Workplace, served: Served, folder: Path) -> list[tuple[object, ...]]:
    server, world = served
    repo = place.checkout(folder, "openai_compat", server.base_url)
    told: dict[str, object] = {
        "model": world.base.name,
        "kinds": {kind: {"model": model} for kind, model in MODELS.items()},
        "key_variable": "SERVER_KEY" if server.api_key else "",
    }
    environ = {"SERVER_KEY": server.api_key}
    for arguments in (
        ("index", str(repo)),
        ("solve", "--repo", str(repo), "--", place.book.statement),
    ):
        start = direct_start(place.python, arguments, environ, told)
        await place.run(*start.command, **start.environ)
    return logged(repo)


async def through_the_gateway(
    place: Workplace, served: Served, folder: Path
) -> tuple[list[tuple[object, ...]], tuple[CallRecord, ...]]:
    server, world = served
    endpoint = Endpoint(
        base_url=server.base_url, model=world.base.name, models=MODELS, own_model_only=True,
        key_variable="SERVER_KEY" if server.api_key else "",
    )  # fmt: skip
    prompts = place.bed.program.system_prompts
    kinds = {text: CALL_KINDS[kind] for kind, text in prompts.items()}
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
        await place.run(*agent, "solve", "--repo", str(repo), "--", place.book.statement)
    finally:
        await gateway.stop()
    return logged(repo), read_calls(log).records


def test_both_ways_get_the_answers_of_the_trainers_own_models(
    place: Workplace, served: Served, tmp_path: Path
) -> None:
    """Marked ``real`` for the half minute in which adapters are trained."""
    _, world = served
    chat = HuggingFaceChat(world.base.folder)
    mine = asyncio.run(directly(place, served, tmp_path / "direct"))
    theirs, calls = asyncio.run(through_the_gateway(place, served, tmp_path / "gated"))

    assert mine == theirs
    assert len(calls) > len(mine) > 2
    assert {call.model for call in calls} >= {"scope-v1", "task_analysis-v1"}
    for call in calls:
        ids = generated(
            world.base.folder, world.adapters.get(call.model),
            chat.prompt_ids(call.system, call.prompt), CALL_KINDS[call.call_kind].cap,
        )  # fmt: skip

        assert whole_text(call.response) == whole_text(chat.plain_text(ids)), call.call_kind
    assert json.dumps([call.error for call in calls]) == json.dumps([""] * len(calls))
