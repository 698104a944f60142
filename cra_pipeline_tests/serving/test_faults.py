"""Clients and servers that misbehave, at the gateway's own address: over real sockets."""

from __future__ import annotations

import asyncio
import io
import json
import os
import resource
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from cra_pipeline.contracts.serving import Route, Routes
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.policy import GatewayPolicy
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.integrations.responders.lane import Lane, LanePolicy
from cra_pipeline.integrations.responders.served import ServedResponder, Service
from cra_pipeline.integrations.responders.upstream import Upstream, UpstreamPolicy
from cra_pipeline.integrations.serving.instance import Instance
from cra_pipeline_tests.integrations.gateway.clients import KINDS, TOKEN, encoded, raw_request
from cra_pipeline_tests.serving.fake_program import CRASH, SLEEP
from cra_pipeline_tests.serving.fake_server import fake_server

SHOWN = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE = UpstreamPolicy(tries=8, wait_s=0.02, settle_s=0.05, recover_s=10.0)


@pytest.fixture
def many_files() -> Iterator[None]:
    """Two ends of a thousand connections, and more, in this one process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(8192, before[1]) if before[1] != resource.RLIM_INFINITY else 8192
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, before[0]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Place:
    """A gateway before one fake server."""

    def __init__(self, instance: Instance, port: int, log: Path) -> None:
        self.instance, self.port, self.log = instance, port, log

    async def ask(
        self, session: aiohttp.ClientSession, body: bytes = b"", **changed: object
    ) -> tuple[int, str]:
        """Status and answer, or error."""
        url = f"http://127.0.0.1:{self.port}/api/generate"
        async with session.post(
            url, data=io.BytesIO(body or encoded(**changed)), headers=SHOWN
        ) as reply:
            told = await reply.json()
            return reply.status, str(told.get("response", told.get("error")))


@asynccontextmanager
async def placed(folder: Path, policy: LanePolicy | None = None) -> AsyncIterator[Place]:
    """For the time of the block."""
    upstream = Upstream("tiny", PATIENCE)
    lane = Lane(upstream, window=4096, policy=policy)
    told: list[str] = []
    instance = Instance("tiny", partial(fake_server, "tiny", folder), lane, told=told.append)
    await instance.open()
    await instance.load("scope-v1", folder)
    scope = Route(instance="tiny", model="scope-v1", version="scope-v1")
    # A name that no server knows, as a defect of ours would make it.
    lost = Route(instance="tiny", model="execute_code-v9", version="execute_code-v9")
    routes = Routes(by_kind={"scope": scope, "implement": lost})
    responder = ServedResponder(Service(routes=routes, lanes={"tiny": lane}))
    gateway = Gateway(responder, KINDS, policy=GatewayPolicy(service_connections=2048))
    await gateway.start()
    log = folder / "calls.jsonl"
    with listen_loopback(0) as listening:
        try:
            await gateway.open_service(listening, log, token=TOKEN)
            yield Place(instance, listening.getsockname()[1], log)
        finally:
            await gateway.stop()
            await instance.close()


def played(work: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work, 60)

    asyncio.run(limited())


REFUSED = (
    (b"{", 400, "EOF while parsing"),
    (b"[]", 400, "object"),
    (b"\xff\xfe", 400, "(body)"),
    (encoded(stream=True), 400, "stream"),
    (encoded(seed=3), 400, "seed"),
    (encoded(system="Who are you?"), 422, "system prompt with SHA-256"),
    (encoded(system="You edit code."), 503, "no execute_code-v9"),
    (encoded(prompt="x " * 3_000_000), 413, "longer than"),
)


def test_what_cannot_be_answered_gets_a_typed_error_and_the_next_one_an_answer(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with placed(tmp_path) as place, aiohttp.ClientSession() as session:
            for body, status, words in REFUSED:
                found = await place.ask(session, body)
                assert (found[0], words in found[1]) == (status, True), found
                assert await place.ask(session, prompt="yes?") == (200, "yes")

    played(work())
    last = read_calls(tmp_path / "calls.jsonl").records[-1]
    assert (last.model, last.responder, last.call_kind) == ("scope-v1", "served", "scope")


@pytest.mark.slow
@pytest.mark.usefixtures("many_files")
def test_a_thousand_clients_at_once_are_all_answered(tmp_path: Path) -> None:
    async def work() -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with placed(tmp_path) as place, aiohttp.ClientSession(connector=connector) as session:
            asked = [place.ask(session, prompt=f"yes? {number}") for number in range(1000)]
            heard = Counter(await asyncio.gather(*asked))
            assert heard == {(200, "yes"): 1000}

    played(work())
    assert len(read_calls(tmp_path / "calls.jsonl").records) == 1000


def test_more_than_the_queue_holds_hear_so_and_the_rest_is_answered(tmp_path: Path) -> None:
    async def work() -> None:
        policy = LanePolicy(at_once=2, waiting=4)
        async with placed(tmp_path, policy) as place, aiohttp.ClientSession() as session:
            asked = [place.ask(session, prompt=f"{SLEEP} yes {n}") for n in range(10)]
            heard = await asyncio.gather(*asked)
            refused = [told for status, told in heard if status == 503]
            assert [status for status, _ in heard].count(200) == 6
            assert all("the queue holds no more" in told for told in refused)

    played(work())


def test_a_client_that_stops_reading_holds_up_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        async with placed(tmp_path) as place, aiohttp.ClientSession() as session:
            deaf = socket.create_connection(("127.0.0.1", place.port))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            head = raw_request(encoded(prompt="yes?"), f"/{TOKEN}/api/generate")
            with deaf:
                # Many questions on one connection, and no answer is ever read.
                deaf.setblocking(False)
                try:
                    for _ in range(2000):
                        deaf.send(head)
                except BlockingIOError:
                    pass
                begun = asyncio.get_running_loop().time()
                for _ in range(20):
                    assert await place.ask(session, prompt="yes?") == (200, "yes")
                assert asyncio.get_running_loop().time() - begun < 10

    played(work())


def test_a_server_killed_in_the_middle_costs_no_request_its_answer(tmp_path: Path) -> None:
    async def work() -> None:
        async with placed(tmp_path) as place, aiohttp.ClientSession() as session:
            asked = [
                asyncio.create_task(place.ask(session, prompt=f"{SLEEP} yes {number}"))
                for number in range(30)
            ]
            await asyncio.sleep(0.15)
            assert place.instance.server is not None
            os.kill(place.instance.server.pid, signal.SIGKILL)
            assert Counter(await asyncio.gather(*asked)) == {(200, "yes"): 30}
            assert place.instance.starts == 2

    played(work())


def test_a_request_that_kills_every_server_is_told_so_and_others_live(tmp_path: Path) -> None:
    async def work() -> None:
        async with placed(tmp_path) as place, aiohttp.ClientSession() as session:
            killer = asyncio.create_task(place.ask(session, prompt=CRASH))
            others = await asyncio.gather(
                *(place.ask(session, prompt=f"yes {number}") for number in range(5))
            )
            assert others == [(200, "yes")] * 5
            status, told = await killer
            assert (status, "the connection broke" in told) == (503, True)
            # It was sent twice, and not once for every server that it could bring down.
            assert place.instance.starts <= 3
            assert await place.ask(session, prompt="yes") == (200, "yes")

    played(work())
    records = read_calls(tmp_path / "calls.jsonl").records
    assert sorted({record.finish for record in records}) == ["error", "stop"]
    assert json.loads(records[-1].model_dump_json())["error"] == ""
