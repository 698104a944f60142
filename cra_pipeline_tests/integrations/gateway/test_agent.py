"""The real agent's own client through the gateway: what it logs is what the gateway logged."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.integrations.clean_room.installed import (
    AGENT_VARIABLE,
    AgentProgram,
    find_agent,
)
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.integrations.gateway.clients import TOKEN, Scripted

pytestmark = pytest.mark.agent

CLIENT = """
import json, sys
from clean_room_agent.llm.client import LoggedLLMClient, ModelConfig
base_url, questions = json.load(sys.stdin)
config = ModelConfig(model="cra-tag", base_url=base_url, temperature=0.3)
with LoggedLLMClient(config) as client:
    for system, prompt in questions:
        client.complete(prompt, system=system)
    json.dump(client.flush(), sys.stdout)
"""
PROMPTS = ("plain", "ünï “code” \u2028 \x00 \U0001f600\r\n\ttabs", "<think>in the prompt</think>")
ANSWERS = (
    "yes", " no\n", "", "<think>\nlong </think> thought </think>\n\nyes", "ünï \u2028\n</think>",
    "never closed <think> at all", "<think>a</think>b<think>c",
)  # fmt: skip


@pytest.fixture
def agent() -> AgentProgram:
    if AGENT_VARIABLE not in os.environ:
        pytest.skip(f"{AGENT_VARIABLE} names no agent")
    return find_agent(os.environ)


async def converse(agent: AgentProgram, log: Path) -> list[dict[str, object]]:
    """What the agent's client logged of asking every kind with every prompt."""
    gateway = Gateway(
        Scripted(lambda asked: ANSWERS[asked.number % len(ANSWERS)]), agent.kinds_by_system()
    )
    await gateway.start()
    try:
        listening = listen_loopback(0)
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}/{TOKEN}"
        await gateway.open_service(listening, log, token=TOKEN)
        process = await asyncio.create_subprocess_exec(
            str(agent.python), "-I", "-c", CLIENT, stdin=-1, stdout=-1, stderr=sys.stderr,
            env={"NO_PROXY": "127.0.0.1"},
        )  # fmt: skip
        questions = [(system, text) for system in agent.system_prompts.values() for text in PROMPTS]
        output, _ = await process.communicate(json.dumps([base_url, questions]).encode())
    finally:
        await gateway.stop()
    assert process.returncode == 0
    calls: list[dict[str, object]] = json.loads(output)
    return calls


def as_the_agent_logs(call: CallRecord) -> dict[str, object]:
    return {
        "system": call.system,
        "prompt": call.prompt,
        "response": call.response,
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.completion_tokens,
    }


@pytest.mark.slow
def test_what_the_agent_logs_is_what_the_gateway_logged(
    agent: AgentProgram, tmp_path: Path
) -> None:
    heard = asyncio.run(converse(agent, tmp_path / "calls.jsonl"))
    logged = read_calls(tmp_path / "calls.jsonl").records

    assert len(heard) == len(CALL_KINDS) * len(PROMPTS)
    assert [as_the_agent_logs(call) for call in logged] == [
        {key: call[key] for key in as_the_agent_logs(logged[0])} for call in heard
    ]
    assert [call.call_kind for call in logged] == [
        kind for kind in agent.system_prompts for _ in PROMPTS
    ]
    # Nothing was left for the agent to take away.
    assert {call["thinking"] for call in heard} == {""}
    assert {call.thinking for call in logged} > {"", "long </think> thought"}
