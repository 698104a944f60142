"""The agent's own transport to OpenAI-compatible servers, over real sockets."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.integrations.clean_room import openai_compat
from cra_pipeline.integrations.clean_room.openai_compat import (
    KINDS,
    ROUTES_VARIABLE,
    NoAnswerError,
    OpenAICompatClient,
    RoutesError,
    completions_url,
    read_routes,
)
from cra_pipeline.integrations.responders import completions, endpoint
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.integrations.clean_room.compat_agents import compat_site
from cra_pipeline_tests.integrations.responders.servers import (
    KEY,
    Handler,
    Server,
    completion,
    cuts_off,
    drips,
    echoes_key,
    floods,
    model_server,
    request,
    says,
    sends,
    tells_key,
)

SCOPE = "Stand-in for the prompt of scope."
PROMPT = "File: till.py"
SCRIPT = openai_compat.__file__


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compat_site(tmp_path_factory.mktemp("compat"))


@pytest.fixture(autouse=True)
def agent(site: Path) -> Iterator[Any]:
    """The stand-in, imported, and forgotten afterwards."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(site)
        yield importlib.import_module("clean_room_agent.llm.client")
    for name in [name for name in sys.modules if name.startswith("clean_room_agent")]:
        del sys.modules[name]
    openai_compat.kinds_by_system.cache_clear()
    openai_compat.shared_http(False).close()
    openai_compat.shared_http.cache_clear()


def client_of(agent: Any, base_url: str, **more: Any) -> OpenAICompatClient:  # noqa: ANN401  # a module
    environ = more.pop("environ", {})
    config = agent.ModelConfig("student-1", base_url, "openai_compat", **more)
    return OpenAICompatClient(config, environ)


def routes(**told: object) -> dict[str, str]:
    return {ROUTES_VARIABLE: json.dumps(told)}


def asked(
    agent: Any,  # noqa: ANN401  # a module
    *handlers: Handler,
    environ: Mapping[str, str] | None = None,
    system: str = SCOPE,
) -> tuple[Any, Server]:
    """One question to a server: what the client returned or raised, and what the server heard."""

    async def work() -> tuple[Any, Server]:
        async with model_server(*handlers) as server:
            client = client_of(agent, server.url, environ=environ or {})
            try:
                return await asyncio.to_thread(client.complete, PROMPT, system), server
            except (httpx.HTTPError, RoutesError) as error:
                return error, server

    return asyncio.run(asyncio.wait_for(work(), 30))


def test_the_table_is_that_of_the_pipeline() -> None:
    listed = {kind.name: (kind.source, kind.cap) for kind in CALL_KINDS.values()}

    assert listed == KINDS
    assert openai_compat._SENT == endpoint.SENT
    assert openai_compat._CHARACTERS_PER_TOKEN == completions.CHARACTERS_PER_TOKEN
    assert openai_compat.AIR_GAP_VARIABLE == endpoint.AIR_GAP_VARIABLE


@given(prompt=st.text(), kind=st.sampled_from(sorted(CALL_KINDS)), most=st.integers(1, 9))
def test_a_request_has_the_bytes_of_the_gateway_s(prompt: str, kind: str, most: int) -> None:
    terms = endpoint.Endpoint(
        base_url="http://127.0.0.1:1", model="m", stop=("<|end|>",), extra_body={"top_k": 1}
    )
    told = request(call_kind=kind, prompt=prompt, max_tokens=most, temperature=0.5, seed=3)
    sent = json.dumps(completions.request_body(told, terms)).encode()
    given_routes = routes(stop=["<|end|>"], extra_body={"top_k": 1}, seed=3)
    agent = importlib.import_module("clean_room_agent.llm.client")
    client = client_of(agent, "http://127.0.0.1:1", temperature=0.5, environ=given_routes)

    assert client._body("m", told.system, prompt, most) == sent


@pytest.mark.parametrize(
    ("message", "text", "thinking"),
    [
        ({"content": "yes"}, "yes", None),
        ({"content": " <think>hm</think> yes "}, "yes", "hm"),
        ({"content": "<think>never closed"}, "", "never closed"),
        ({"content": "yes", "reasoning_content": "apart"}, "yes", "apart"),
        ({"content": "<think>b</think>no", "reasoning": "a"}, "no", "a\nb"),
        ({"content": "x" * 10_000}, "x" * 512, None),
    ],
)
def test_answer_and_thinking_are_parted(
    agent: Any,  # noqa: ANN401  # a module
    message: dict[str, str],
    text: str,
    thinking: str | None,
) -> None:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    found, server = asked(agent, says(completion(choices=[choice])))

    assert (found.text, found.thinking) == (text, thinking)
    assert (found.prompt_tokens, found.completion_tokens) == (11, 2)
    assert isinstance(found, agent.LLMResponse)
    assert server.bodies == [
        {
            "model": "student-1",
            "messages": [
                {"role": "system", "content": SCOPE},
                {"role": "user", "content": PROMPT},
            ],
            "max_tokens": 16,
            "temperature": 0.0,
            "seed": 0,
            "stream": False,
        }
    ]


def test_counts_that_are_not_told_are_none(agent: Any) -> None:  # noqa: ANN401  # a module
    found, _ = asked(agent, says(completion(usage=None)))

    assert (found.prompt_tokens, found.completion_tokens) == (None, None)


TOOLS = [{"index": 0, "message": {"content": None}, "finish_reason": "tool_calls"}]
REFUSAL = [{"message": {"content": None, "refusal": "never"}, "finish_reason": "stop"}]


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (says(completion(model="base-7b")), "asked for model student-1, but base-7b answered"),
        (says(completion(model=None)), "but None answered"),
        (says({"error": "no such adapter"}, status=404), "status 404"),
        (says({"error": "busy"}, status=503), "status 503"),
        (says({}, status=302, headers={"Location": "http://example.org"}), "status 302"),
        (says({"choices": []}), "no chat completion"),
        (says([]), "no chat completion"),
        (says(completion(usage=7)), "no chat completion"),
        (sends(b"<html>", "text/html"), "no chat completion"),
        (sends(b"[" * 100_000, "application/json"), "no chat completion"),
        (says(completion(choices=TOOLS)), "tool_calls"),
        (says(completion(choices=REFUSAL)), "never"),
        (says(completion(text=None)), "no text"),
        (cuts_off, ""),
        (floods, "longer than"),
    ],
)
def test_what_is_no_answer_is_an_error_of_the_transport(
    agent: Any,  # noqa: ANN401  # a module
    handler: Handler,
    reason: str,
) -> None:
    found, _ = asked(agent, handler)

    assert isinstance(found, httpx.HTTPError)
    assert reason in str(found)


def test_nobody_there_is_an_error_of_the_transport(agent: Any) -> None:  # noqa: ANN401  # a module
    with pytest.raises(httpx.ConnectError):
        client_of(agent, "http://127.0.0.1:1").complete(PROMPT, SCOPE)


def test_an_answer_that_drips_has_an_end(
    agent: Any,  # noqa: ANN401  # a module
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openai_compat, "_TIMEOUT_S", 0.3)
    found, _ = asked(agent, drips)

    assert isinstance(found, NoAnswerError)
    assert "no whole answer in 0.3 s" in str(found)


def test_a_prompt_of_no_known_kind_is_sent_nowhere(agent: Any) -> None:  # noqa: ANN401  # a module
    found, server = asked(agent, says(completion()), system="You write headers in C.")

    assert isinstance(found, NoAnswerError)
    assert server.bodies == []


@pytest.mark.parametrize(("beyond", "window"), [(0, 1000), (1, 1000), (0, 8192)])
def test_the_gate_is_the_agent_s(agent: Any, beyond: int, window: int) -> None:  # noqa: ANN401  # a module
    most = window // 8
    client = client_of(agent, "http://127.0.0.1:1", context_window=window, max_tokens=most)
    prompt = "x" * (3 * (window - most + beyond) + 2 - len(SCOPE))
    expected = ValueError if beyond else httpx.ConnectError

    with pytest.raises(expected):
        client.complete(prompt, SCOPE)


def test_each_call_kind_has_its_server_and_model(agent: Any) -> None:  # noqa: ANN401  # a module
    async def work() -> tuple[list[object], list[object]]:
        answer = says(completion(model="scope-v3"))
        other = says(completion(model="rest"))
        async with model_server(answer) as first, model_server(other) as second:
            told = routes(
                base_url=second.url, model="rest",
                kinds={"scope": {"model": "scope-v3", "base_url": first.url}},
            )  # fmt: skip
            client = client_of(agent, "http://127.0.0.1:1", environ=told)
            for kind in ("scope", "implement"):
                await asyncio.to_thread(
                    client.complete, PROMPT, f"Stand-in for the prompt of {kind}."
                )
        return ([b["max_tokens"] for b in first.bodies], [b["max_tokens"] for b in second.bodies])

    assert asyncio.run(work()) == ([16], [4096])


def test_routes_may_be_replaced_between_stages(agent: Any, tmp_path: Path) -> None:  # noqa: ANN401  # a module
    place = tmp_path / "routes.json"
    found = []
    for version in ("scope-v3", "scope-v4"):
        place.write_text(json.dumps({"kinds": {"scope": {"model": version}}}))
        _, server = asked(agent, says(completion()), environ={ROUTES_VARIABLE: str(place)})
        found.append(server.bodies[0]["model"])

    assert found == ["scope-v3", "scope-v4"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("[]", "no JSON object and no file"),
        ("{", "no JSON object"),
        ("/nowhere/routes.json", "no JSON object and no file of one"),
        ('{"api_key": "sk-secret"}', "api_key: expected base_url"),
        ('{"seed": true}', "seed: expected"),
        ('{"kinds": {"scoop": {"model": "m"}}}', "'scoop' is no call kind"),
        ('{"kinds": {"scope": "m"}}', "scope: expected an object"),
        ('{"kinds": {"scope": {"key": "m"}}}', "scope: expected an object"),
        ('{"kinds": {"scope": {"model": 7}}}', "scope: expected an object"),
        ('{"key_variable": "sk-secret"}', "no name of a variable"),
        ('{"extra_body": {"max_tokens": 9}}', "max_tokens: set by the client itself"),
    ],
)
def test_routes_that_are_not_understood_are_refused(told: str, reason: str) -> None:
    with pytest.raises(RoutesError, match=reason) as caught:
        read_routes({ROUTES_VARIABLE: told})

    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1", "http://", "http://u:sk-secret@127.0.0.1/v1", "http://127.0.0.1/v1?k=1"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(RoutesError, match="expected one such as") as caught:
        completions_url(address, {})

    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000/v1/", True),
        ("http://[::1]:8000/v1", True),
        ("https://models.example/v1", False),
        ("http://10.0.0.7:8000/v1", False),
        ("http://localhost.example:8000/v1", False),
    ],
)
def test_in_an_air_gap_only_this_machine_is_asked(address: str, *, here: bool) -> None:
    assert completions_url(address, {}).endswith("/v1/chat/completions")
    if here:
        assert completions_url(address, {"CRA_PIPELINE_AIR_GAP": "1"})
        return
    with pytest.raises(RoutesError, match="not a loopback address"):
        completions_url(address, {"CRA_PIPELINE_AIR_GAP": "1"})


@pytest.mark.parametrize("handler", [echoes_key, tells_key, says({"error": KEY}, status=500)])
def test_the_key_comes_from_the_environment_and_turns_up_nowhere(
    agent: Any,  # noqa: ANN401  # a module
    handler: Handler,
) -> None:
    environ = routes(key_variable="SERVER_KEY") | {"SERVER_KEY": KEY}
    found, server = asked(agent, handler, environ=environ)

    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert isinstance(found, httpx.HTTPError)
    assert KEY not in f"{found} {found!r}"


@pytest.mark.parametrize("key", ["", " ", "two words", "schlüssel"])
def test_a_key_that_can_be_none_is_refused(agent: Any, key: str) -> None:  # noqa: ANN401  # a module
    environ = routes(key_variable="SERVER_KEY") | {"SERVER_KEY": key}
    with pytest.raises(RoutesError, match="SERVER_KEY: not set"):
        client_of(agent, "http://127.0.0.1:1", environ=environ)


def test_proxies_of_the_environment_do_not_count(
    agent: Any,  # noqa: ANN401  # a module
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    found, _ = asked(agent, says(completion()))

    assert found.text == "yes"


def test_stages_share_a_connection(agent: Any) -> None:  # noqa: ANN401  # a module
    ports = []

    async def work() -> None:
        async def handler(heard: Any) -> Any:  # noqa: ANN401  # of aiohttp
            ports.append(heard.transport.get_extra_info("peername")[1])
            return await says(completion())(heard)

        async with model_server(handler) as server:
            for _ in range(3):
                with client_of(agent, server.url) as client:
                    await asyncio.to_thread(client.complete, PROMPT, SCOPE)

    asyncio.run(work())

    assert len(ports) == 3
    assert len(set(ports)) == 1


def started(site: Path, *arguments: str, **environ: str) -> list[Any]:
    """The stand-in's program, with the transport in place."""
    done = subprocess.run(
        [sys.executable, "-P", SCRIPT, *arguments],
        env={"PYTHONPATH": str(site), **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_the_program_starts_with_the_transport_in_place(site: Path) -> None:
    async def work() -> list[Any]:
        async with model_server(says(completion())) as server:
            told = json.dumps({"kinds": {"scope": {"model": "student-1"}}})
            return await asyncio.to_thread(
                started, site, server.url, "openai_compat", **{ROUTES_VARIABLE: told}
            )

    name, client, said = asyncio.run(work())

    assert (name.rpartition("/")[2], client, said["text"]) == (
        "__main__.py",
        "OpenAICompatClient",
        "yes",
    )


def test_with_ollama_the_agent_has_its_own_client(site: Path) -> None:
    _, client, said = started(site, "http://127.0.0.1:1", "ollama", **{ROUTES_VARIABLE: "broken"})

    assert (client, said["text"]) == ("LLMClient", "own")


def test_an_agent_of_another_making_is_refused(agent: Any) -> None:  # noqa: ANN401  # a module
    del agent.strip_thinking
    with pytest.raises(RoutesError, match="holds no strip_thinking"):
        openai_compat.install({})
