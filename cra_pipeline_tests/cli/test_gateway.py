"""``cra-pipeline gateway`` as an agent and its user see it: a real process, real signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli.gateway import gateway
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline_tests.integrations.clean_room.programs import install_stand_in
from cra_pipeline_tests.integrations.gateway.clients import encoded, post
from cra_pipeline_tests.integrations.ranking.histories_made import made_history
from cra_pipeline_tests.integrations.responders.servers import (
    KEY,
    completion,
    model_server,
    says,
)

COMMAND = """
from cra_pipeline.cli.gateway import gateway
from cra_pipeline.cli.main import PipelineGroup
PipelineGroup(commands=[gateway])()
"""
SCOPE = "Stand-in for the prompt of scope."


@pytest.fixture
def environ(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A workspace, a stand-in for the agent, and a key."""
    python = install_stand_in(tmp_path / "agent")
    monkeypatch.setenv("CRA_PIPELINE_AGENT_PYTHON", str(python))
    monkeypatch.setenv("TEACHER_KEY", KEY)
    monkeypatch.setenv("CRA_PIPELINE_HOME", str(layout.root))
    return dict(os.environ)


@asynccontextmanager
async def running(
    environ: dict[str, str], *options: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """The command at work, and the lines that it printed first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "gateway", *options, stdout=-1, stderr=-2, env=environ
    )
    assert process.stdout is not None
    try:
        yield process, [(await process.stdout.readline()).decode() for _ in range(3)]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_agent_in_service_is_answered_until_a_signal(
    number: signal.Signals, environ: dict[str, str], layout: Layout
) -> None:
    token_path = layout.root / "gateway" / "token"

    async def work() -> tuple[str, int | None, int, dict[str, object], dict[str, object]]:
        async with model_server(says(completion())) as server:
            options = (
                "--base-url", server.url, "--model", "student", "--model-for", "scope=scope-v3",
                "--key-variable", "TEACHER_KEY", "--extra-body", '{"top_k": 1}', "--port", "0",
            )  # fmt: skip
            async with running(environ, *options) as (process, told):
                address = told[0].split()[2].rstrip(",")
                token = token_path.read_text().strip()
                url = f"{address}/{token}/api/generate"
                async with (
                    aiohttp.ClientSession() as session,
                    session.post(url, data=encoded(system=SCOPE)) as reply,
                ):
                    status, answer = reply.status, await reply.json()
                process.send_signal(number)
                rest, _ = await process.communicate()
        return "".join(told) + rest.decode(), process.returncode, status, answer, server.bodies[0]

    printed, code, status, answer, body = asyncio.run(asyncio.wait_for(work(), 60))
    (record,) = read_calls(layout.root / "gateway" / "calls.jsonl").records
    token = token_path.read_text().strip()

    assert (code, status, answer["response"]) == (0, 200, "yes")
    assert (body["model"], body["top_k"]) == ("scope-v3", 1)
    assert (record.attempt, record.call_kind, record.model) == ("", "scope", "student-1")
    assert printed.endswith("ended\n")
    assert stat.S_IMODE(token_path.stat().st_mode) == 0o600
    assert str(token_path) in printed
    for secret in (token, KEY):
        assert secret not in printed + record.model_dump_json()


@pytest.mark.slow
def test_a_socket_is_its_owners_and_for_one_gateway(
    environ: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "s"
    token_file = tmp_path / "token"
    options = ("--base-url", "http://127.0.0.1:1", "--model", "m", "--socket", str(path))
    more = ("--token-file", str(token_file), "--log", str(tmp_path / "log"))

    async def work() -> tuple[int, int | None, str]:
        async with running(environ, *options, *more) as (process, _):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            bare, _ = await post(path, encoded(system=SCOPE))
            assert bare == 401
            async with running(environ, *options, *more) as (second, told):
                await second.wait()
            process.send_signal(signal.SIGTERM)
            code = await process.wait()
        return code, second.returncode, "".join(told)

    code, second, told = asyncio.run(asyncio.wait_for(work(), 60))

    assert code == 0
    assert second == 1
    assert "another gateway" in told
    assert not path.exists()


def invoke(*options: str) -> Result:
    return CliRunner().invoke(gateway, options)


GOOD = ("--base-url", "http://127.0.0.1:1", "--model", "m")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "needs --base-url and --model"),
        (("--model", "m"), "needs --base-url"),
        ((*GOOD, "--model-for", "scope"), "expected KIND=MODEL"),
        ((*GOOD, "--model-for", "scoop=m"), "no such call kind"),
        ((*GOOD, "--extra-body", "{"), "Expecting property name"),
        ((*GOOD, "--extra-body", "[]"), "expected a JSON object"),
        ((*GOOD, "--spend-limit", "5"), "needs prices"),
        ((*GOOD, "--spend-limit", "nan", "--prompt-price", "1"), "nan"),
        ((*GOOD, "--port", "0", "--socket", "s"), "exclude each other"),
        ((*GOOD, "--port", "70000"), "70000"),
        ((*GOOD, "--temperature", "-1"), "-1"),
        (("--responder", "gold"), "gold"),
        (("--responder", "recorded"), "needs a folder"),
    ],
)
def test_wrong_use_is_told(options: tuple[str, ...], reason: str, environ: dict[str, str]) -> None:
    result = invoke(*options)

    assert environ
    assert result.exit_code == 2
    assert reason in result.output


@pytest.mark.parametrize(
    ("changed", "options", "reason"),
    [
        ({"CRA_PIPELINE_AGENT_PYTHON": ""}, (), "is not set"),
        ({"TEACHER_KEY": ""}, ("--key-variable", "TEACHER_KEY"), "TEACHER_KEY: not set"),
        (
            {"CRA_PIPELINE_AIR_GAP": "1"},
            ("--base-url", "https://models.example/v1"),
            "not a loopback address",
        ),
    ],
)
def test_what_is_missing_is_told(
    changed: dict[str, str],
    options: tuple[str, ...],
    reason: str,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    result = invoke(*GOOD, *options)

    assert environ
    assert reason in str(result.exception)


def test_a_token_that_others_may_read_is_refused(environ: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("a-token-of-the-test")
    path.chmod(0o644)
    result = invoke(*GOOD, "--token-file", str(path))

    assert environ
    assert "chmod 600" in str(result.exception)
    assert "a-token-of-the-test" not in str(result.exception) + result.output


def test_the_help_names_no_secret() -> None:
    assert json.dumps(invoke("--help").output).count("--key ") == 0


@pytest.mark.slow
def test_scope_is_answered_by_ranking_a_clone(
    environ: dict[str, str], layout: Layout, tmp_path: Path
) -> None:
    clone, _ = made_history(tmp_path / "history")
    prompt = "Task: Parse lines in the parser\nIntent: less\n\nFile: {} (language=python, tier=2)"

    async def work() -> list[object]:
        options = ("--responder", "ranked", "--clone", str(clone), "--port", "0")
        async with running(environ, *options) as (_, told):
            address = told[0].split()[2].rstrip(",")
            token = (layout.root / "gateway" / "token").read_text().strip()
            said = []
            async with aiohttp.ClientSession() as session:
                for path in ("pkg/parser.py", "pkg/session.py"):
                    body = encoded(system=SCOPE, prompt=prompt.format(path))
                    reply = await session.post(f"{address}/{token}/api/generate", data=body)
                    said.append((await reply.json())["response"])
        return said

    assert asyncio.run(work()) == ["yes", "no"]


def test_ranking_wants_a_clone(environ: dict[str, str]) -> None:
    done = CliRunner().invoke(gateway, ["--responder", "ranked"], env=environ)

    assert done.exit_code == 2
    assert "ranked: needs the repository that the agent works on" in done.output
