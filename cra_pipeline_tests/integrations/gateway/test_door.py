"""Who comes in, and what goes over the wire."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.policy import GatewayPolicy
from cra_pipeline_tests.integrations.gateway.clients import (
    Scripted,
    connect,
    encoded,
    logged,
    opened,
    post,
    raw_request,
    service,
    serving,
)


def test_a_body_beyond_the_limit_is_refused_and_logged(tmp_path: Path) -> None:
    async def work() -> int:
        async with serving(Scripted(), GatewayPolicy(body_bytes=5000)) as gateway:
            return (await post(await opened(gateway, tmp_path), encoded(prompt="x" * 6000)))[0]

    assert asyncio.run(work()) == 413
    assert "longer than 5000 bytes" in logged(tmp_path)[0].error


def test_a_window_full_of_text_passes(tmp_path: Path) -> None:
    prompt = "Ünïcode " * 150_000

    async def work() -> int:
        async with serving(Scripted()) as gateway:
            return (await post(await opened(gateway, tmp_path), encoded(prompt=prompt)))[0]

    assert asyncio.run(work()) == 200
    assert logged(tmp_path)[0].prompt == prompt


@pytest.mark.parametrize("route", ["/", "/api/chat", "/api/generate/", "/api/tags", "/x" * 3000])
def test_nothing_else_is_there(route: str, tmp_path: Path) -> None:
    async def work() -> int:
        async with serving(Scripted()) as gateway:
            return (await post(await opened(gateway, tmp_path), route=route))[0]

    assert asyncio.run(work()) == 404
    assert logged(tmp_path) == ()


@pytest.mark.parametrize(
    "noise",
    [
        b"\x00\xff" * 100,
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /api/generate HTTP/1.1\r\nX: " + b"a" * 99999,
        b"POST /api/generate HTTP/1.1\r\nContent-Length: 99\r\n\r\nhalf",
    ],
)
def test_noise_on_the_wire_harms_nobody(noise: bytes, tmp_path: Path) -> None:
    async def work() -> int:
        async with serving(Scripted()) as gateway:
            path = await opened(gateway, tmp_path)
            with connect(path) as client:
                client.sendall(noise)
                return (await post(path))[0]

    assert asyncio.run(work()) == 200


def test_one_attempt_cannot_use_up_the_connections_of_others(tmp_path: Path) -> None:
    async def work() -> int:
        async with serving(Scripted(), GatewayPolicy(connections=4)) as gateway:
            path, other = await opened(gateway, tmp_path), await opened(gateway, tmp_path, "a2")
            clients = [connect(path) for _ in range(4)]
            await asyncio.sleep(0.1)
            with connect(path) as refused:
                assert await asyncio.to_thread(refused.recv, 1) == b""
            status = (await post(other))[0]
            for client in clients:
                client.close()
            await asyncio.sleep(0.1)
            assert (await post(path))[0] == 200
            return status

    assert asyncio.run(work()) == 200


def test_who_comes_beyond_the_limit_is_told_to_come_back_and_holds_nothing(tmp_path: Path) -> None:
    async def work() -> tuple[int, dict[str, object]]:
        async with serving(Scripted(), GatewayPolicy(connections=2)) as gateway:
            path = await opened(gateway, tmp_path)
            clients = [connect(path) for _ in range(2)]
            await asyncio.sleep(0.1)
            told = await post(path, encoded(prompt="x" * 300_000))
            idle = [connect(path) for _ in range(3)]
            # As many again as the limit are heard, and the next one is not.
            assert await asyncio.to_thread(idle[2].recv, 1) == b""
            begun = asyncio.get_running_loop().time()
            assert await asyncio.to_thread(idle[0].recv, 1) == b""
            assert asyncio.get_running_loop().time() - begun < 3
            for client in (*clients, *idle):
                client.close()
            return told

    status, body = asyncio.run(work())

    assert status == 503
    assert "too many connections" in str(body["error"])


def test_a_body_that_never_arrives_is_refused_and_logged(tmp_path: Path) -> None:
    async def work() -> bytes:
        async with serving(Scripted(), GatewayPolicy(body_s=0.2)) as gateway:
            path = await opened(gateway, tmp_path)
            with connect(path) as client:
                client.sendall(raw_request(encoded())[:-5])
                told = await asyncio.to_thread(client.recv, 65536)
            assert (await post(path))[0] == 200
            return told

    assert b" 408 " in asyncio.run(work())
    assert "not whole in 0.2 s" in logged(tmp_path)[0].error


def test_every_reply_leaves_in_one_piece(tmp_path: Path) -> None:
    async def work() -> None:
        async with serving(Scripted(lambda _: "x" * 3000)) as gateway:
            with connect(await opened(gateway, tmp_path)) as client:
                for _ in range(100):
                    client.sendall(raw_request(encoded()))
                    reply = await asyncio.to_thread(client.recv, 65536)

                    assert reply.endswith(b"}")

    asyncio.run(work())


@pytest.mark.parametrize(
    ("route", "headers", "status"),
    [
        ("/t0ken-of-the-service/api/generate", {}, 200),
        ("/api/generate", {"Authorization": "Bearer t0ken-of-the-service"}, 200),
        ("/api/generate", {"Authorization": "bearer  t0ken-of-the-service"}, 200),
        ("/api/generate", {}, 401),
        ("/wrong/api/generate", {}, 401),
        ("//api/generate", {}, 401),
        ("/t0ken-of-the-servic%65/api/generate", {}, 401),
        ("/api/generate", {"Authorization": "Bearer wrong"}, 401),
        ("/api/generate", {"Authorization": "Basic t0ken-of-the-service"}, 401),
        ("/api/generate", {"Authorization": "Bearer t0ken-öf"}, 401),
        ("/t0ken-of-the-service/api/chat", {}, 404),
        ("/t0ken-of-the-service/", {}, 404),
    ],
)
def test_a_service_answers_only_who_shows_the_token(
    route: str, headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    async def work() -> int:
        async with service(tmp_path) as port, aiohttp.ClientSession() as session:
            url = URL(f"http://127.0.0.1:{port}{route}", encoded=True)
            async with session.post(url, data=encoded(), headers=headers) as reply:
                assert (await reply.json()).keys() & {"response", "error"}
                return reply.status

    assert asyncio.run(work()) == status
    assert len(read_calls(tmp_path / "calls.jsonl").records) == (status == 200)


def test_a_service_sends_without_delay(tmp_path: Path) -> None:
    async def work() -> list[int]:
        async with serving(Scripted()) as gateway:
            listening = listen_loopback(0)
            port = listening.getsockname()[1]
            await gateway.open_service(listening, tmp_path / "log", token="t" * 20)
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.05)
            (connection,) = gateway._open[""].door._web._connections.values()
            options = connection.get_extra_info("socket")
            writer.close()
            return [options.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)]

    assert asyncio.run(work()) == [1]
