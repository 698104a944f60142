"""The real agent with its own transport, beside the same agent behind the gateway."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from cra_pipeline.integrations.clean_room.direct import SCRIPT
from cra_pipeline.integrations.clean_room.installed import AGENT_VARIABLE, find_agent
from cra_pipeline.integrations.clean_room.programs import installed_program
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.integrations.clean_room.beds import MESSAGE, make_bed
from cra_pipeline_tests.integrations.clean_room.gold_front import (
    MODELS,
    REST,
    GoldFront,
    Workplace,
    kinds_of,
    make_workplace,
    running,
    solve_directly,
)

pytestmark = pytest.mark.agent

TOKEN = "a-token-of-the-test"  # noqa: S105  # of this test alone


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, env_folder: Path) -> Workplace:
    if not os.environ.get(AGENT_VARIABLE):
        pytest.skip(f"{AGENT_VARIABLE} names no agent")
    bed = make_bed(tmp_path_factory.mktemp("direct"), env_folder)
    found = find_agent(os.environ)
    return make_workplace(bed.with_program(installed_program(os.environ)), found.python)


async def solve_through_the_gateway(
    place: Workplace, front: GoldFront, folder: Path
) -> dict[str, str]:
    """By the agent as it is, untouched, before the gateway."""
    endpoint = Endpoint(base_url=front.url, model=REST, models=MODELS, own_model_only=True)
    kinds = {text: CALL_KINDS[kind] for text, kind in kinds_of(place).items()}
    gateway = Gateway(OpenAIResponder(endpoint, {}), kinds)
    await gateway.start()
    listening = listen_loopback(0)
    try:
        await gateway.open_service(listening, folder.parent / "calls.jsonl", token=TOKEN)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/{TOKEN}"
        repo = place.checkout(folder, "ollama", address)
        agent = (str(place.python), "-P", "-m", "clean_room_agent")
        await place.run(*agent, "index", str(repo))
        await place.run(*agent, "solve", "--repo", str(repo), "--", place.book.statement)
    finally:
        await gateway.stop()
    return place.files(repo)


@pytest.mark.slow
def test_both_ways_send_the_same_bytes_and_leave_the_same_tree(
    place: Workplace, tmp_path: Path
) -> None:
    front = GoldFront(kinds_of(place), place.book)

    async def work() -> tuple[dict[str, str], ...]:
        async with running(front):
            direct = await solve_directly(place, front, tmp_path / "direct")
            first = front.bodies, front.answers
            front.reset()
            gated = await solve_through_the_gateway(place, front, tmp_path / "gated")
            assert front.bodies == first[0]
            assert front.answers == first[1]
        return direct, gated

    direct, gated = asyncio.run(work())
    logged = read_calls(tmp_path / "calls.jsonl").records
    asked = {json.loads(body)["model"] for body in front.bodies}
    commits = subprocess.run(
        ["git", "log", "--format=%s"], cwd=tmp_path / "direct", capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip

    assert direct == gated
    assert direct != place.files(place.tree)
    assert {path: direct[path] for path in place.book.after} == place.book.after
    assert asked == {*MODELS.values(), REST}
    assert len(logged) == len(front.bodies) > 10
    assert "cra:" in commits
    assert MESSAGE.split()[0] in place.book.statement


@pytest.mark.slow
def test_a_server_that_refuses_ends_the_run_and_leaves_the_tree_as_it_was(
    place: Workplace, tmp_path: Path
) -> None:
    front = GoldFront(kinds_of(place), place.book)

    async def work() -> str:
        async with running(front):
            repo = place.checkout(tmp_path / "astray", "openai_compat", front.url + "/nowhere")
            script = (str(place.python), "-P", str(SCRIPT))
            await place.run(*script, "index", str(repo))
            with pytest.raises(AssertionError) as caught:
                await place.run(*script, "solve", "--repo", str(repo), "--", "Mend till.py")
            assert place.files(repo) == place.files(place.tree)
            return str(caught.value)

    assert "HTTPStatusError" in asyncio.run(work())


def test_the_gate_and_the_parting_are_the_agent_s_own(place: Workplace) -> None:
    """The same prompts are let through, and the same text and thinking come out."""
    code = (
        "import importlib.util, json, sys\n"
        f"spec = importlib.util.spec_from_file_location('compat', {str(SCRIPT)!r})\n"
        "compat = importlib.util.module_from_spec(spec)\n"
        "sys.modules['compat'] = compat\n"
        "spec.loader.exec_module(compat)\n"
        "from clean_room_agent.llm import client\n"
        "system = next(iter(compat.kinds_by_system()))\n"
        "tried = []\n"
        "for window, most in ((1000, 125), (8192, 1024), (32768, 4096)):\n"
        "    for beyond in range(-4, 5):\n"
        "        prompt = 'x' * (3 * (window - most) - len(system) + beyond)\n"
        "        row = []\n"
        "        for provider, make in (('ollama', client.LLMClient),\n"
        "                               ('openai_compat', lambda c: "
        "compat.OpenAICompatClient(c, {}))):\n"
        "            config = client.ModelConfig('m', 'http://127.0.0.1:1', provider,\n"
        "                                        max_tokens=most, context_window=window)\n"
        "            try:\n"
        "                make(config).complete(prompt, system)\n"
        "            except Exception as error:\n"
        "                row.append(type(error).__name__)\n"
        "        tried.append(row)\n"
        "print(json.dumps([len(compat.kinds_by_system()), tried]))\n"
    )
    done = subprocess.run(
        [str(place.python), "-P", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kinds, tried = json.loads(done.stdout)

    assert kinds == len(CALL_KINDS)
    assert {first for first, _ in tried} == {"ValueError", "ConnectError"}
    assert all(first == second for first, second in tried)
