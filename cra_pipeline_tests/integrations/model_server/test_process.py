"""The server as a process: what it hears over HTTP, and how it comes and goes."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.contracts.calls import ModelRequest
from cra_pipeline.contracts.ports import ModelServer
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.model_server.process import (
    ServedBase,
    TransformersServer,
    running_server,
)
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline_tests.integrations.model_server.models import (
    PROMPT,
    SYSTEM,
    WINDOW,
    generated,
    prompt_ids,
    random_adapter,
    tiny_base,
)

pytestmark = pytest.mark.slow  # torch is imported, here and by the server

MOST = 8
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    return random_adapter(base, base.parent / "adapter", 1)


@pytest.fixture(scope="module")
def server(base: Path) -> Iterator[TransformersServer]:
    layout = Layout(base.parent / "workspace")
    with running_server(layout, ServedBase(name="tiny", folder=base, window=WINDOW)) as running:
        yield running


@contextmanager
def asked(server: TransformersServer, path: str, body: object) -> Iterator[Any]:
    """The reply to a request, its status beside it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    host = server.base_url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request("POST", path, content)
        response = connection.getresponse()
        yield response.status, json.loads(response.read())
    finally:
        connection.close()


def chat(server: TransformersServer, model: str, **more: object) -> tuple[int, Any]:
    told = {"model": model, "messages": MESSAGES, "max_tokens": MOST, "temperature": 0, **more}
    with asked(server, "/v1/chat/completions", told) as (status, body):
        return status, body


def test_base_and_adapter_answer_as_transformers_does(
    server: TransformersServer, base: Path, adapter: Path
) -> None:
    port: ModelServer = server
    port.load("scope-v1", adapter)
    found = {}
    for name in ("tiny", "scope-v1", "tiny"):
        status, body = chat(server, name)
        found[name] = body["usage"]["completion_tokens"], body["choices"][0]["message"]["content"]
        assert (status, body["model"]) == (200, name)
    wanted = {
        name: generated(base, folder, prompt_ids(base), MOST)
        for name, folder in (("tiny", None), ("scope-v1", adapter))
    }
    listed = port.models()
    port.unload("scope-v1")

    assert {name: count for name, (count, _) in found.items()} == {
        name: len(ids) for name, ids in wanted.items()
    }
    assert found["tiny"][1] != found["scope-v1"][1]
    assert listed == ("tiny", "scope-v1")
    assert chat(server, "scope-v1")[0] == 404
    assert port.models() == ("tiny",)
    assert port.served_as == "float32"


def test_the_responder_of_the_gateway_is_answered(server: TransformersServer) -> None:
    request = ModelRequest(
        attempt="a", number=0, call_kind="scope", model="cra-classifier", system=SYSTEM,
        prompt=PROMPT, temperature=0.0, seed=0, max_tokens=2,
    )  # fmt: skip

    async def answers() -> tuple[str, str]:
        endpoint = Endpoint(base_url=server.base_url, model="tiny", own_model_only=True)
        responder = OpenAIResponder(endpoint, {})
        try:
            found = await responder.answer(request)
        finally:
            await responder.close()
        return found.model, found.text

    model, text = asyncio.run(answers())

    assert model == "tiny"
    assert text == chat(server, "tiny", max_tokens=2)[1]["choices"][0]["message"]["content"]


def test_tokens_of_a_dataset_are_those_of_the_server(
    server: TransformersServer, base: Path
) -> None:
    with asked(server, "/tokenize", {"model": "tiny", "messages": MESSAGES}) as (status, body):
        assert status == 200
        assert tuple(body["tokens"]) == prompt_ids(base)
        assert (body["count"], body["max_model_len"]) == (len(prompt_ids(base)), WINDOW)


def test_a_text_is_completed_as_it_stands(server: TransformersServer, base: Path) -> None:
    ids = list(prompt_ids(base))
    told = {"model": "tiny", "prompt": ids, "max_tokens": MOST, "temperature": 0}
    with asked(server, "/v1/completions", told) as (status, body):
        assert status == 200
        text = chat(server, "tiny")[1]["choices"][0]["message"]["content"]
        assert body["choices"][0]["text"] == text


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/chat/completions", b"{no json", 400, "JSON"),
        ("/v1/chat/completions", {"model": "qwen", "messages": MESSAGES}, 404, "qwen"),
        ("/v1/chat/completions", {"model": "tiny", "messages": MESSAGES, "max_tokens": WINDOW}, 400,
         str(WINDOW)),
        ("/v1/completions", {"model": "tiny", "prompt": "far too long " * WINDOW}, 400, "together"),
        ("/v1/completions", {"model": "tiny", "prompt": [10**6]}, 400, "no token"),
        ("/tokenize", {"model": "tiny"}, 400, "either"),
        ("/v1/load_lora_adapter", {"lora_name": "a", "lora_path": "/"}, 403, "started"),
        ("/v1/nothing", {}, 404, ""),
    ],
)  # fmt: skip
def test_wrong_requests_hear_why(
    server: TransformersServer, path: str, body: object, status: int, words: str
) -> None:
    with asked(server, path, body) as (found, told):
        assert found == status
        assert words in told["error"]["message"]
    assert chat(server, "tiny")[0] == 200


def test_a_broken_adapter_is_refused_and_the_base_goes_on(
    server: TransformersServer, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="adapter_config"):
        server.load("scope-v2", tmp_path)

    assert chat(server, "tiny")[0] == 200


def test_what_the_vetting_has_against_an_adapter_never_reaches_the_server(
    server: TransformersServer, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(folder: Path) -> None:
        raise ModelError(f"{folder.name}: not ours")

    monkeypatch.setattr(server, "vet", refusing)
    with pytest.raises(ModelError, match="not ours"):
        server.load("scope-v3", adapter)

    assert server.models() == ("tiny",)


def test_a_client_that_leaves_frees_the_server(server: TransformersServer) -> None:
    host, _, port = server.base_url.removeprefix("http://").removesuffix("/v1").partition(":")
    told = json.dumps({
        "model": "tiny", "messages": MESSAGES, "max_tokens": 400, "temperature": 2.0,
    }).encode()  # fmt: skip
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(told)}\r\n\r\n"
    for _ in range(20):
        with socket.create_connection((host, int(port))) as leaving:
            leaving.sendall(head.encode() + told)
            time.sleep(0.01)

    assert chat(server, "tiny")[0] == 200
    with asked(server, "/tokenize", {"model": "tiny", "prompt": "still here"}) as (status, _):
        assert status == 200


def test_a_folder_without_a_model_is_told_with_the_servers_last_words(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "workspace")
    nothing = ServedBase(name="none", folder=tmp_path, window=WINDOW)
    with pytest.raises(ModelError, match="tokenizer_config"), running_server(layout, nothing):
        pass

    assert list(layout.scratch.iterdir()) == []


PARENT = """
import sys, time
from pathlib import Path
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.model_server.policy import ServerPolicy
from cra_pipeline.integrations.model_server.process import ServedBase, _started
base = ServedBase(name="tiny", folder=Path(sys.argv[1]), window=512)
server = _started(base, Path(sys.argv[2]), ServerPolicy(), None)
print(server.pid, flush=True)
time.sleep(600)
"""


def test_the_server_dies_with_a_parent_that_is_killed(base: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(base), str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not _lives(child)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
