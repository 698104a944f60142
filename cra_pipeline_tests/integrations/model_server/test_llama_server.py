"""llama-server's own defects, each shut out: real ones where installed (``make test-serving``)."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cra_pipeline.errors import BusyError, ModelError
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.model_server.install import installed
from cra_pipeline.integrations.model_server.llama_policy import LlamaPolicy
from cra_pipeline.integrations.model_server.llama_server import LlamaServer, running_llama
from cra_pipeline_tests.integrations.model_server.clients import Reply, at_once, chat, gone
from cra_pipeline_tests.integrations.model_server.models import reference
from cra_pipeline_tests.integrations.model_server.test_conformance import require_installed
from cra_pipeline_tests.integrations.model_server.worlds import FREE_TEXT, World

pytestmark = pytest.mark.serving


@pytest.fixture(scope="module")
def server(trained: World) -> Iterator[LlamaServer]:
    """Four requests at a time, and prompts kept for others: the most that may go wrong."""
    require_installed(trained, "llama_server")
    policy = LlamaPolicy(slots=4, reuse_prompts=True)
    with running_llama(trained.layout, trained.base, policy=policy) as running:
        for version in FREE_TEXT:
            running.load(version, trained.adapters[version])
        yield running


def programs(server: LlamaServer) -> list[psutil.Process]:
    """The llama-servers behind it."""
    family = psutil.Process(server.pid).children(recursive=True)
    return [process for process in family if process.name() == "llama-server"]


def right(trained: World, asked: list[tuple[str, str]], replies: list[Reply]) -> int:
    """How many answers are the trainer's own."""
    pairs = zip(asked, replies, strict=True)
    return sum(reply.text == trained.expected(*one) for one, reply in pairs)


def test_a_prompt_that_another_adapter_just_had_is_read_afresh(
    server: LlamaServer, trained: World
) -> None:
    asked = [
        (name, text)
        for text in trained.questions
        for name in (trained.base.name, *FREE_TEXT, trained.base.name)
    ]
    one_by_one = [chat(server, *one) for one in asked]
    replies = at_once(server, asked)

    assert right(trained, asked, one_by_one) == len(asked)
    assert right(trained, asked, replies) == len(asked)


def test_how_likely_its_tokens_were_is_what_the_trainers_own_model_says(
    server: LlamaServer, trained: World
) -> None:
    import torch

    name, text = FREE_TEXT[0], trained.questions[0]
    reply = chat(server, name, text, logprobs=True, top_logprobs=3)
    model = reference(trained.base.folder, trained.adapters[name])
    ids = (*trained.prompt(text), *trained.ids(name, text))
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    first = logits[len(trained.prompt(text)) - 1 : -1]
    told = reply.body["choices"][0]["logprobs"]["content"]

    assert len(told) == len(trained.ids(name, text))
    assert [place["logprob"] for place in told] == pytest.approx(
        first.max(-1).values.tolist(), abs=1e-3
    )
    assert [len(place["top_logprobs"]) for place in told] == [3] * len(told)
    assert [one["logprob"] for one in told[0]["top_logprobs"]] == pytest.approx(
        first[0].topk(3).values.tolist(), abs=1e-3
    )


def test_an_adapter_is_loaded_while_the_others_answer(server: LlamaServer, trained: World) -> None:
    asked = [(name, text) for text in trained.questions for name in server.models()]
    replies: list[Reply] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            replies.extend(chat(server, *one) for one in asked)
            # Two cores: the conversion wants one.
            time.sleep(0.5)

    asking = threading.Thread(target=ask)
    asking.start()
    before = [process.pid for process in programs(server)]
    server.load("scope-v1", trained.adapters["scope-v1"])
    ended.set()
    asking.join()
    again = at_once(server, [("scope-v1", text) for text in trained.questions])

    assert replies
    assert {reply.status for reply in replies} == {200}
    rounds = len(replies) // len(asked)
    assert right(trained, asked * rounds, replies) == len(replies)
    assert right(trained, [("scope-v1", text) for text in trained.questions], again) == len(again)
    wait_for(lambda: len(programs(server)) == 1)
    assert programs(server)[0].pid not in before


def test_a_program_that_is_killed_in_mid_request_is_told_and_started_again(
    server: LlamaServer, trained: World
) -> None:
    found: list[Reply] = []
    name, text = FREE_TEXT[0], trained.questions[0]
    asking = threading.Thread(
        target=lambda: found.append(chat(server, trained.base.name, text, max_tokens=900))
    )
    # Held, so that the question is under way when it dies, however quick the model is.
    held = programs(server)
    for process in held:
        process.suspend()
    asking.start()
    time.sleep(0.5)
    for process in held:
        os.kill(process.pid, signal.SIGKILL)
    asking.join(30)
    after = chat(server, name, text)

    assert found[0].status == 500
    assert "broke off" in found[0].body["error"]["message"]
    assert after.text == trained.expected(name, text)
    assert not server.ended


def test_nothing_of_it_survives_the_block(trained: World) -> None:
    require_installed(trained, "llama_server")
    with running_llama(trained.layout, trained.base) as running:
        family = psutil.Process(running.pid).children(recursive=True)
        assert programs(running)
        os.kill(running.pid, signal.SIGKILL)
        assert gone(family)
        with pytest.raises(ModelError, match="no answer from the model server"):
            running.models()

    assert not running.log.exists()


def test_a_taken_port_is_told_before_anything_is_started(trained: World) -> None:
    require_installed(trained, "llama_server")
    with listen_loopback(0) as taken:
        policy = LlamaPolicy(port=int(taken.getsockname()[1]))
        with (
            pytest.raises(BusyError, match="cannot listen"),
            running_llama(trained.layout, trained.base, policy=policy),
        ):
            pass


def test_a_model_that_is_none_is_told(trained: World, tmp_path: Path) -> None:
    require_installed(trained, "llama_server")
    nothing = replace(trained.base, folder=tmp_path)
    with (
        pytest.raises(ModelError, match="could not be converted"),
        running_llama(trained.layout, nothing),
    ):
        pass


def test_memory_that_is_too_small_is_told_with_the_programs_own_words(
    trained: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_installed(trained, "llama_server")
    real = installed(trained.layout, "llama_server").folder
    narrow = tmp_path / "llama_server"
    (narrow / "bin").mkdir(parents=True)
    (narrow / "source").symlink_to(real / "source")
    shutil.copyfile(real / "installed.json", narrow / "installed.json")
    # The window's keys and values alone are as much: it fails by itself, and takes from nobody.
    program = f'#!/bin/sh\nulimit -v 400000\nexec {real}/bin/llama-server "$@"\n'
    (narrow / "bin" / "llama-server").write_text(program)
    (narrow / "bin" / "llama-server").chmod(0o755)
    monkeypatch.setenv("CRA_PIPELINE_SERVERS", str(tmp_path))
    with (
        pytest.raises(ModelError, match=r"(?s)llama-server (?:ended|was killed).*alloc"),
        running_llama(trained.layout, replace(trained.base, window=2**19)),
    ):
        pass


def wait_for(holds: object, seconds: float = 30.0) -> None:
    """Until it holds."""
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
