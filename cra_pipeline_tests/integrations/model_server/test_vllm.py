"""vLLM's own defects, each shut out: real servers where it is installed (``make test-serving``)."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

import psutil
import pytest

from cra_pipeline.errors import BusyError, ModelError
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.model_server.vllm import VllmServer, running_vllm
from cra_pipeline.integrations.model_server.vllm_policy import VllmPolicy
from cra_pipeline_tests.integrations.model_server.clients import at_once, chat, gone
from cra_pipeline_tests.integrations.model_server.test_conformance import require_installed
from cra_pipeline_tests.integrations.model_server.worlds import FREE_TEXT, World

pytestmark = pytest.mark.serving
SMALL = VllmPolicy(kv_bytes=16 * 2**20, adapters=5)


@pytest.fixture(scope="module")
def server(trained: World) -> Iterator[VllmServer]:
    """With all adapters, and room for one more."""
    require_installed(trained, "vllm")
    with running_vllm(trained.layout, trained.base, policy=SMALL) as running:
        for version, folder in trained.adapters.items():
            running.load(version, folder)
        yield running


def test_adapters_differ_from_each_other_and_from_the_base_on_nearly_all_prompts(
    trained: World,
) -> None:
    names = (trained.base.name, *FREE_TEXT)
    said = {name: [trained.expected(name, text) for text in trained.questions] for name in names}
    pairs = [(one, other) for one in names for other in names if one < other]
    unlike = [sum(map(str.__ne__, said[one], said[other])) for one, other in pairs]

    assert min(unlike) >= 0.9 * len(trained.questions)


def test_tokens_are_the_trainers_own_alone_and_in_mixed_batches(
    server: VllmServer, trained: World
) -> None:
    asked = [(name, text) for text in trained.questions for name in trained.names]
    expected = [trained.ids(*one) for one in asked]
    mixed = at_once(server, asked, return_token_ids=True)
    alone = [chat(server, *one, return_token_ids=True) for one in asked[:: len(asked) // 20]]

    assert [reply.ids for reply in mixed] == expected
    assert [reply.ids for reply in alone] == expected[:: len(asked) // 20]


def test_prompts_become_the_tokens_that_rows_were_trained_with(
    server: VllmServer, trained: World
) -> None:
    replies = at_once(
        server, [(trained.base.name, text) for text in trained.questions], return_token_ids=True
    )

    assert [tuple(reply.body["prompt_token_ids"]) for reply in replies] == [
        trained.prompt(text) for text in trained.questions
    ]


def test_the_bases_rows_are_their_own_among_rows_of_adapters(
    server: VllmServer, trained: World
) -> None:
    base = trained.base.name
    asked = [
        (name, text)
        for text in trained.questions
        for name in (base, FREE_TEXT[2], base, FREE_TEXT[0])
    ]
    replies = at_once(server, asked, return_token_ids=True)
    found = [reply.ids for reply, (name, _) in zip(replies, asked, strict=True) if name == base]

    assert found == [trained.ids(base, text) for text in trained.questions for _ in range(2)]


def test_without_the_empty_slot_the_bases_rows_are_spoilt(trained: World) -> None:
    """So the guard is what keeps them: this fails once vLLM is mended, and it may go then."""
    require_installed(trained, "vllm")
    policy = replace(SMALL, adapters=len(trained.adapters) - 1)
    with running_vllm(trained.layout, trained.base, policy=policy) as running:
        # Past the guard: the last slot is filled.
        running.policy = SMALL
        for version, folder in trained.adapters.items():
            running.load(version, folder)
        asked = [(name, text) for text in trained.questions for name in trained.names]
        replies = at_once(running, asked, return_token_ids=True)
        base = [
            (reply.ids, trained.ids(name, text))
            for reply, (name, text) in zip(replies, asked, strict=True)
            if name == trained.base.name
        ]

    assert any(found != expected for found, expected in base)


def test_a_new_version_has_its_own_answers_and_no_remembered_ones(
    server: VllmServer, trained: World
) -> None:
    first, second = FREE_TEXT[:2]
    text = trained.questions[1]
    before = chat(server, first, text).text
    server.load("execute_code-v2", trained.adapters[second])

    assert before == trained.expected(first, text)
    assert chat(server, "execute_code-v2", text).text == trained.expected(second, text)
    assert chat(server, first, text).text == before
    with pytest.raises(ModelError, match="adapter 6 of 5: unload some"):
        server.load("execute_code-v3", trained.adapters[second])
    server.unload("execute_code-v2")
    with pytest.raises(ModelError, match="no slot is ever freed"):
        server.load("execute_code-v3", trained.adapters[second])


def test_the_key_is_asked_for_and_stands_in_no_log_and_no_command_line(
    server: VllmServer, trained: World
) -> None:
    key = server.api_key
    shown = " ".join(psutil.Process(server.pid).cmdline()) + server.log.read_text() + repr(server)
    foreign = replace(server._asking, token="another")  # noqa: S106  # no key
    with pytest.raises(ModelError, match="401") as refused:
        foreign.asked("GET", "/v1/models")

    assert len(key) > 20
    assert key not in shown
    assert "another" not in str(refused.value)
    assert trained.base.name in shown


def test_idle_connections_stay_open(server: VllmServer, trained: World) -> None:
    address = ("127.0.0.1", server._asking.port)
    with socket.create_connection(address) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
        # Beyond uvicorn's own five seconds.
        time.sleep(6.0)
        line.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")

        assert line.recv(4096).startswith(b"HTTP/1.1 200")
    assert server.policy.keep_alive_s == 75
    assert trained.adapters


def test_a_server_that_is_killed_in_mid_request_is_told_and_all_of_it_is_gone(
    trained: World,
) -> None:
    require_installed(trained, "vllm")
    with running_vllm(trained.layout, trained.base, policy=SMALL) as running:
        family = psutil.Process(running.pid).children(recursive=True)
        found: list[BaseException] = []

        def ask() -> None:
            try:
                chat(running, trained.base.name, trained.questions[0], max_tokens=900)
            except (OSError, HTTPException) as error:
                found.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.2)
        os.kill(running.pid, signal.SIGKILL)
        asking.join(30)
        assert gone(family)
        with pytest.raises(ModelError, match="no answer from the model server"):
            running.models()

        assert len(found) == 1
        assert running.ended


def test_a_taken_port_is_told_before_anything_is_started(trained: World) -> None:
    require_installed(trained, "vllm")
    with listen_loopback(0) as taken:
        policy = replace(SMALL, port=int(taken.getsockname()[1]))
        with (
            pytest.raises(BusyError, match="cannot listen"),
            running_vllm(trained.layout, trained.base, policy=policy),
        ):
            pass


def test_memory_that_is_too_small_is_told_with_the_servers_own_words(trained: World) -> None:
    require_installed(trained, "vllm")
    policy = replace(SMALL, kv_bytes=2**16)
    with (
        pytest.raises(ModelError, match=r"(?s)vLLM ended with.*No available memory"),
        running_vllm(trained.layout, trained.base, policy=policy),
    ):
        pass

    # Only the folder of the other tests' server stands.
    assert all((left / "adapters").exists() for left in trained.layout.scratch.iterdir())


def test_a_model_that_is_none_is_told(trained: World, tmp_path: Path) -> None:
    require_installed(trained, "vllm")
    nothing = replace(trained.base, folder=tmp_path)
    with (
        pytest.raises(ModelError, match="vLLM ended with status"),
        running_vllm(trained.layout, nothing, policy=SMALL),
    ):
        pass
