"""Processor time per request: gateway and served responder against a bare aiohttp proxy.

Run: ``python -m cra_pipeline_tests.benchmarks.serving_gateway``. Before both stands the same model
server without a model; each has a process of its own, the load is the same, and both are measured
in turns, so that the machine's other work falls on both alike. Prints the median of the rounds'
ratios (at most two is wanted) and counts every answer: not one of them may fail.
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

from cra_pipeline.contracts.serving import Route, Routes
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.integrations.responders.lane import Lane, LanePolicy
from cra_pipeline.integrations.responders.served import ServedResponder, Service
from cra_pipeline.integrations.responders.upstream import Upstream
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline.serving.canary import chosen
from cra_pipeline.serving.scheduling import AdapterQueue
from cra_pipeline_tests.serving.fake_server import fake_server

_SYSTEM = "You judge whether a file matters. " * 20
_TOKEN = "token-of-the-benchmark"  # noqa: S105  # of nothing else
_WINDOW = 32768

End = Callable[[], Awaitable[None]]
Server = Callable[[Path, str], Awaitable[tuple[int, End]]]
"""Starts in a folder before a model server; its port, and how it is ended."""


def _unheard(version: str, failure: str) -> None:
    """Of the health of versions."""


async def _gateway(folder: Path, url: str) -> tuple[int, End]:
    upstream = Upstream("tiny")
    upstream.moved(url)
    lane = Lane(upstream, window=_WINDOW, order=AdapterQueue(), policy=LanePolicy())
    route = Route(instance="tiny", model="tiny", version="tiny")
    service = Service(
        routes=Routes(by_kind={"scope": route}), lanes={"tiny": lane}, choose=chosen,
        told=_unheard,
    )  # fmt: skip
    gateway = Gateway(ServedResponder(service), {_SYSTEM: CALL_KINDS["scope"]})
    await gateway.start()
    listening = listen_loopback(0)
    await gateway.open_service(listening, folder / "calls.jsonl", token=_TOKEN)
    return listening.getsockname()[1], gateway.stop


async def _proxy(_: Path, url: str) -> tuple[int, End]:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def handle(request: web.Request) -> web.Response:
        # Nothing is read, checked, translated or logged: bytes in, bytes out.
        async with session.post(f"{url}/echo", data=await request.read()) as reply:
            return web.Response(body=await reply.read(), content_type="application/json")

    application = web.Application()
    application.router.add_post("/api/generate", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    listening = listen_loopback(0)
    await web.SockSite(runner, listening).start()

    async def end() -> None:
        await session.close()
        await runner.cleanup()

    return listening.getsockname()[1], end


SERVERS: dict[str, Server] = {"proxy": _proxy, "gateway": _gateway}


def _serve(name: str, folder: str, url: str, pipe: Connection) -> None:
    """Serve until told to end; each word before that is answered with the processor seconds."""

    async def live() -> None:
        port, end = await SERVERS[name](Path(folder), url)
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
                    told = await reply.json()
                    if reply.status != 200 or told.get("response", "yes") != "yes":
                        raise SystemExit(f"status {reply.status}: {told}")

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
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--prompt", type=int, default=4000, help="characters of a prompt")
    return parser.parse_args()


def main() -> None:
    """Measure in turns and print the medians and their ratio."""
    options = _options()
    question = {
        "model": "m", "prompt": "yes " * (options.prompt // 4), "stream": False,
        "options": {"temperature": 0.0, "num_predict": 32000}, "system": _SYSTEM,
    }  # fmt: skip
    body = json.dumps(question).encode()
    context = multiprocessing.get_context("spawn")
    times: dict[str, list[float]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as folder, fake_server("tiny", Path(folder)) as model:
        running = {}
        for name in SERVERS:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(name, folder, model.base_url, theirs))
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
        lines = read_calls(Path(folder) / "calls.jsonl").records
    answered = sum(line.finish == "stop" and line.model == "tiny" for line in lines)
    if answered != options.requests * (options.rounds + 1):
        raise SystemExit(f"the log holds {answered} answers: requests were lost")
    for name, measured in times.items():
        middle, least = statistics.median(measured), min(measured)
        print(f"{name}: median {middle:.3f} ms of processor time a request, least {least:.3f}")
    ratios = [ours / bare for ours, bare in zip(times["gateway"], times["proxy"], strict=True)]
    print(f"{answered} requests, {options.connections} at a time, none failed")
    print(f"ratio: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
