"""Processor time per request: the gateway against a bare aiohttp echo.

Run: ``python -m cra_pipeline_tests.benchmarks.gateway``. Each server has a process of its own and
its log, where it has one, on disk; the load is the same, and both are measured in turns, so that
the machine's other work falls on both alike. Prints the median of the rounds' ratios; at most
two is wanted.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from aiohttp import web

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.kinds import CALL_KINDS

_SYSTEM = "You judge whether a file matters. " * 20
_TOKEN = "token-of-the-benchmark"  # noqa: S105  # of nothing else

Server = Callable[[Path], Awaitable[tuple[int, Callable[[], Awaitable[None]]]]]
"""Starts in a folder; its port, and how it is ended."""


class _Instant:
    name = "instant"

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        return ModelAnswer(text="yes", model=request.model, responder=self.name)


async def _gateway(folder: Path) -> tuple[int, Callable[[], Awaitable[None]]]:
    gateway = Gateway(_Instant(), {_SYSTEM: CALL_KINDS["scope"]})
    await gateway.start()
    listening = listen_loopback(0)
    port = listening.getsockname()[1]
    await gateway.open_service(listening, folder / "calls.jsonl", token=_TOKEN)
    return port, gateway.stop


async def _echo(_: Path) -> tuple[int, Callable[[], Awaitable[None]]]:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), content_type="application/json")

    application = web.Application()
    application.router.add_post("/api/generate", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    listening = listen_loopback(0)
    await web.SockSite(runner, listening).start()
    return listening.getsockname()[1], runner.cleanup


SERVERS: dict[str, Server] = {"echo": _echo, "gateway": _gateway}


def _serve(name: str, folder: str, pipe: Connection) -> None:
    """Serve until told to end; each word before that is answered with the processor seconds."""

    async def live() -> None:
        port, end = await SERVERS[name](Path(folder))
        pipe.send(port)
        while await asyncio.to_thread(pipe.recv):
            pipe.send(time.process_time())
        await end()

    asyncio.run(live())


async def _load(port: int, body: bytes, connections: int, requests: int) -> None:
    url = f"http://127.0.0.1:{port}/api/generate"
    connector = aiohttp.TCPConnector(limit=connections)
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    left = iter(range(requests))
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def client() -> None:
            for _ in left:
                async with session.post(url, data=io.BytesIO(body)) as reply:
                    await reply.read()
                    reply.raise_for_status()

        await asyncio.gather(*(client() for _ in range(connections)))


def _milliseconds(port: int, pipe: Connection, body: bytes, options: argparse.Namespace) -> float:
    """Processor time of one round, for each request."""
    pipe.send(True)
    before = pipe.recv()
    asyncio.run(_load(port, body, options.connections, options.requests))
    pipe.send(True)
    return float((pipe.recv() - before) / options.requests * 1000)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--prompt", type=int, default=4000, help="characters of a prompt")
    return parser.parse_args()


def main() -> None:
    """Measure in turns and print the medians and their ratio."""
    options = _options()
    question = {
        "model": "m", "prompt": "word " * (options.prompt // 5), "stream": False,
        "options": {"temperature": 0.0, "num_predict": 32000}, "system": _SYSTEM,
    }  # fmt: skip
    body = json.dumps(question).encode()
    context = multiprocessing.get_context("spawn")
    times: dict[str, list[float]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as folder:
        running = {}
        for name in SERVERS:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(name, folder, theirs))
            process.start()
            running[name] = (process, ours, ours.recv())
        for number in range(options.rounds + 1):
            for name, (_, pipe, port) in running.items():
                spent = _milliseconds(port, pipe, body, options)
                if number:  # the first round warms up
                    times[name].append(spent)
        for process, pipe, _ in running.values():
            pipe.send(False)
            process.join()
        lines = len(read_calls(Path(folder) / "calls.jsonl").records)
    if lines != options.requests * (options.rounds + 1):
        raise SystemExit(f"the log holds {lines} lines: requests were lost")
    for name, measured in times.items():
        middle, least = statistics.median(measured), min(measured)
        print(f"{name}: median {middle:.3f} ms of processor time a request, least {least:.3f}")
    ratios = [ours / bare for ours, bare in zip(times["gateway"], times["echo"], strict=True)]
    print(f"ratio: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
