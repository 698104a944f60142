"""The gateway in a thread, for callers that have threads themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import ModelRequest
from cra_pipeline.errors import BusyError
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.thread import running_gateway
from cra_pipeline.integrations.responders.gold import GoldResponder
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline_tests.integrations.gateway.clients import (
    KINDS,
    Noting,
    Scripted,
    ask_blocking,
    refusing,
)


def test_attempts_in_many_threads_are_answered_by_their_own_oracles(tmp_path: Path) -> None:
    oracles = Oracles()

    def attempt(key: str) -> tuple[object, tuple[str, ...]]:
        log = tmp_path / key / "calls.jsonl"
        oracle = Noting(right=key)
        path = gateway.open_attempt(key, log, temperature=None, seed=0, oracle=oracle)
        answers = [ask_blocking(path)[1]["response"] for _ in range(3)]
        errors = gateway.close_attempt(key)
        assert [heard[2] for heard in oracle.heard] == [key] * 3
        assert [call.response for call in read_calls(log).records] == [key] * 3
        return answers, errors

    with (
        running_gateway(GoldResponder(oracles), KINDS, oracles=oracles) as gateway,
        ThreadPoolExecutor(8) as pool,
    ):
        keys = [f"a{number}" for number in range(16)]
        results = list(pool.map(attempt, keys))

    assert results == [([key] * 3, ()) for key in keys]


def test_gold_without_an_answer_is_a_model_error(tmp_path: Path) -> None:
    oracles = Oracles()
    with running_gateway(GoldResponder(oracles), KINDS, oracles=oracles) as gateway:
        silent = gateway.open_attempt(
            "silent", tmp_path / "1", temperature=None, seed=0, oracle=Noting(right=None)
        )
        none = gateway.open_attempt("none", tmp_path / "2", temperature=None, seed=0)
        statuses = [ask_blocking(path)[0] for path in (silent, none)]
        errors = [gateway.model_errors(key)[0] for key in ("silent", "none")]

    assert statuses == [502, 502]
    assert errors[0].startswith("the commit knows no answer to scope: scope of")
    assert "opened without an oracle" in errors[1]


def test_errors_of_opening_reach_the_caller(tmp_path: Path) -> None:
    with running_gateway(Scripted(refusing), KINDS) as gateway:
        gateway.open_attempt("a", tmp_path / "1", temperature=None, seed=0)

        with pytest.raises(BusyError):
            gateway.open_attempt("a", tmp_path / "2", temperature=None, seed=0)
        with pytest.raises(KeyError):
            gateway.close_attempt("b")


def test_a_folder_that_is_not_there_is_told_to_the_caller(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError),
        running_gateway(Scripted(), KINDS, sockets=tmp_path / "none"),
    ):
        pass


def test_the_thread_ends_with_the_block_whatever_happens_in_it(tmp_path: Path) -> None:
    class Boom(Exception):  # noqa: N818  # of this test alone
        pass

    # Other tests of this process may hold a gateway of their own.
    others = set(threading.enumerate())
    with pytest.raises(Boom), running_gateway(Scripted(), KINDS, sockets=tmp_path):
        raise Boom

    left = set(threading.enumerate()) - others
    assert not [thread for thread in left if thread.name == "gateway"]
    assert list(tmp_path.iterdir()) == []


def test_the_responder_is_closed_with_the_gateway() -> None:
    class Held(Scripted):
        closed = 0

        async def close(self) -> None:
            self.closed += 1

    responder = Held(lambda request: request.call_kind)
    with running_gateway(responder, KINDS):
        pass

    assert responder.closed == 1
    assert responder.requests == list[ModelRequest]()


LIVING = """
import pathlib, sys, time
from cra_pipeline.integrations.gateway.thread import running_gateway
from cra_pipeline.integrations.responders.gold import GoldResponder
from cra_pipeline.integrations.responders.oracles import Oracles
folder = pathlib.Path(sys.argv[1])
with running_gateway(GoldResponder(Oracles()), {}, sockets=folder) as gateway:
    gateway.open_attempt("a", folder / "log", temperature=None, seed=0)
    print("open", flush=True)
    time.sleep(60)
"""


def test_sockets_of_a_killed_gateway_go_and_those_of_a_living_one_stay(tmp_path: Path) -> None:
    with running_gateway(Scripted(), KINDS, sockets=tmp_path) as living:
        path = living.open_attempt("a1", tmp_path / "1", temperature=None, seed=0)
        command = [sys.executable, "-c", LIVING, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
            process.kill()
        left = list(tmp_path.glob("cra-*"))
        with running_gateway(Scripted(), KINDS, sockets=tmp_path):
            kept = list(tmp_path.glob("cra-*"))
            status, _ = ask_blocking(path)

    assert status == 200
    assert len(left) == len(kept) == 2
    assert all(folder.name.startswith(f"cra-{os.getpid()}-") for folder in kept)
