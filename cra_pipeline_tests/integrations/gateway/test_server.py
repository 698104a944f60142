"""Attempts at the gateway: sockets and logs of their own, opened and closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import time
from pathlib import Path

import aiohttp
import pytest

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.errors import BusyError, StoreError
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.policy import GatewayPolicy
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.integrations.responders.gold import GoldResponder
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline_tests.integrations.gateway.clients import (
    Noting,
    Scripted,
    Slow,
    encoded,
    logged,
    opened,
    post,
    service,
    serving,
)


def test_a_slow_answer_holds_up_no_other_attempt(tmp_path: Path) -> None:
    async def work() -> float:
        async with serving(Slow(only="slow")) as gateway:
            slow = await opened(gateway, tmp_path, "slow")
            quick = await opened(gateway, tmp_path, "quick")
            waiting = asyncio.create_task(post(slow))
            await asyncio.sleep(0.1)
            began = time.monotonic()
            for _ in range(10):
                assert (await post(quick))[0] == 200
            assert not waiting.done()
            await gateway.close_attempt("slow")
            took = time.monotonic() - began
            with pytest.raises(aiohttp.ClientError):
                await waiting
            return took

    assert asyncio.run(work()) < 4
    assert logged(tmp_path, "slow")[0].error.startswith("the client left, or the gateway")


def test_a_stop_lets_answers_under_way_be_written_and_heard(tmp_path: Path) -> None:
    async def work() -> tuple[int, dict[str, object]]:
        async with serving(Slow(0.4)) as gateway:
            waiting = asyncio.create_task(post(await opened(gateway, tmp_path)))
            await asyncio.sleep(0.2)
        return await waiting

    status, reply = asyncio.run(work())

    assert (status, reply["response"]) == (200, "yes")
    assert logged(tmp_path)[0].response == "yes"


@pytest.mark.parametrize("policy", [GatewayPolicy(calls=3), GatewayPolicy(log_bytes=400)])
def test_an_attempt_that_asks_without_end_is_turned_away_unlogged(
    tmp_path: Path, policy: GatewayPolicy
) -> None:
    async def work() -> list[int]:
        async with serving(Scripted(), policy) as gateway:
            path = await opened(gateway, tmp_path)
            return [(await post(path))[0] for _ in range(6)]

    statuses = asyncio.run(work())

    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert len(logged(tmp_path)) == statuses.count(200)


def test_sixty_four_attempts_at_once_are_kept_apart(tmp_path: Path) -> None:
    responder = Scripted(lambda request: f"{request.attempt} {request.prompt}")

    async def ask(gateway: Gateway, key: str) -> None:
        path = await opened(gateway, tmp_path, key, oracle=Noting())
        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession(connector=connector) as session:
            for number in range(20):
                body = encoded(prompt=str(number))
                async with session.post("http://gateway/api/generate", data=body) as reply:
                    assert (await reply.json())["response"] == f"{key} {number}"

    async def work() -> None:
        async with serving(responder) as gateway:
            await asyncio.gather(*(ask(gateway, f"a{number}") for number in range(64)))

    asyncio.run(work())

    for key in (f"a{number}" for number in range(64)):
        assert [(call.attempt, call.number, call.prompt) for call in logged(tmp_path, key)] == [
            (key, number, str(number)) for number in range(20)
        ]


def test_only_the_sockets_file_is_open_to_others_and_all_is_removed(tmp_path: Path) -> None:
    async def work() -> Path:
        async with serving(Scripted()) as gateway:
            path = await opened(gateway, tmp_path)
            other = await opened(gateway, tmp_path, "a2")

            assert stat.S_IMODE(path.stat().st_mode) == 0o666
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert path != other
            assert len(os.fsencode(path)) <= 107
            await gateway.close_attempt("a1")
            assert not path.exists()
            assert (await post(other))[0] == 200
            return path.parent

    assert not asyncio.run(work()).exists()


def test_an_attempt_cannot_be_opened_twice_or_over_an_earlier_log(tmp_path: Path) -> None:
    async def work() -> None:
        async with serving(Scripted()) as gateway:
            await post(await opened(gateway, tmp_path))
            with pytest.raises(BusyError, match="'a1' is open"):
                await opened(gateway, tmp_path)
            await gateway.close_attempt("a1")
            with pytest.raises(StoreError, match="earlier attempt"):
                await opened(gateway, tmp_path)
            with pytest.raises(ValueError, match="not empty"):
                await gateway.open_attempt("", tmp_path / "log", temperature=None, seed=0)

    asyncio.run(work())


def test_of_two_that_open_the_same_attempt_at_once_one_is_refused(tmp_path: Path) -> None:
    async def work() -> tuple[list[object], tuple[int, str]]:
        async with serving(GoldResponder(oracles := Oracles()), oracles=oracles) as gateway:
            found = await asyncio.gather(
                *(
                    gateway.open_attempt(
                        "a1", tmp_path / name, temperature=None, seed=0, oracle=Noting(name)
                    )
                    for name in ("first", "second")
                ),
                return_exceptions=True,
            )
            assert isinstance(found[0], Path)
            status, reply = await post(found[0])
            assert await gateway.close_attempt("a1") == ()
            return list(found), (status, str(reply["response"]))

    found, answer = asyncio.run(work())

    assert isinstance(found[1], BusyError)
    assert answer == (200, "first")


def test_an_attempt_is_not_opened_before_its_door_is_closed(tmp_path: Path) -> None:
    async def work() -> None:
        async with serving(Slow()) as gateway:
            waiting = asyncio.create_task(post(await opened(gateway, tmp_path)))
            await asyncio.sleep(0.1)
            closing = asyncio.create_task(gateway.close_attempt("a1"))
            await asyncio.sleep(0)
            with pytest.raises(BusyError, match="'a1' is open"):
                await gateway.open_attempt("a1", tmp_path / "2", temperature=None, seed=0)
            await closing
            await gateway.open_attempt("a1", tmp_path / "3", temperature=None, seed=0)
            with pytest.raises(aiohttp.ClientError):
                await waiting

    asyncio.run(work())


def test_an_attempt_that_could_not_be_opened_can_be_opened_then(tmp_path: Path) -> None:
    async def work() -> None:
        async with serving(Scripted()) as gateway:
            with pytest.raises(StoreError):
                await gateway.open_attempt("a1", Path("/proc/none"), temperature=None, seed=0)
            assert (await post(await opened(gateway, tmp_path)))[0] == 200

    asyncio.run(work())


def test_a_full_disk_is_told_and_is_not_the_agents_failure(tmp_path: Path) -> None:
    async def work() -> tuple[int, tuple[str, ...]]:
        async with serving(Scripted()) as gateway:
            path = await gateway.open_attempt("a1", Path("/dev/full"), temperature=None, seed=0)
            good = await opened(gateway, tmp_path, "a2")
            status = (await post(path))[0]
            assert (await post(good))[0] == 200
            return status, gateway.model_errors("a1")

    status, errors = asyncio.run(work())

    assert status == 500
    assert "No space left" in errors[0]


def test_a_service_goes_on_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"

    async def work() -> None:
        async with service(tmp_path) as port, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/t0ken-of-the-service/api/generate"
            async with session.post(url, data=encoded()) as reply:
                assert reply.status == 200

    asyncio.run(work())
    with log.open("ab") as file:
        file.write(b'{"torn')
    asyncio.run(work())

    assert [call.number for call in read_calls(log).records] == [0, 1]


def test_a_service_needs_a_token_and_its_port_for_itself(tmp_path: Path) -> None:
    async def work() -> None:
        async with service(tmp_path) as port, serving(Scripted()) as second:
            with pytest.raises(BusyError, match=f"127.0.0.1:{port}: cannot listen"):
                listen_loopback(port)
            with listen_loopback(0) as free, pytest.raises(ValueError, match="needs a token"):
                await second.open_service(free, tmp_path / "other", token="")

    asyncio.run(work())


def test_a_responder_that_is_slow_to_give_up_is_waited_for(tmp_path: Path) -> None:
    class Stubborn(Scripted):
        async def answer(self, request: ModelRequest) -> ModelAnswer:
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.02)
            return await super().answer(request)

    async def work() -> None:
        async with serving(Stubborn()) as gateway:
            waiting = asyncio.create_task(post(await opened(gateway, tmp_path)))
            await asyncio.sleep(0.1)
            await gateway.close_attempt("a1")

            assert len(logged(tmp_path)) == 1
            with pytest.raises(aiohttp.ClientError):
                await waiting

    asyncio.run(work())
