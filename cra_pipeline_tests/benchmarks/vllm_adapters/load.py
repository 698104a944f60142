"""Clients of a served model: closed-loop load, turns by adapter, equality alone and in a crowd."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from cra_pipeline_tests.benchmarks.vllm_adapters.shape import VOCABULARY

ANSWER = 256
"""Tokens of each answer."""
PROMPT = (1400, 1600)
"""Tokens of prompts, drawn between these."""


class Turns:
    """At most so many requests at the server, of at most so many adapters; the longest wait first.

    Attributes:
        places: Requests at the server.
        adapters: Different adapters among them; a further one waits until one is done, and none
            of those at the server starts another request while somebody waits ``patience_s``.
    """

    def __init__(self, places: int, adapters: int, patience_s: float = 8.0) -> None:
        """Nobody waits yet."""
        self.places, self.adapters, self.patience_s = places, adapters, patience_s
        self._busy: dict[str, int] = {}
        self._waiting: deque[tuple[float, str, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def turn(self, adapter: str) -> AsyncIterator[None]:
        """Waits for a place, and gives it back."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((time.monotonic(), adapter, ready))
        self._admit()
        await ready
        try:
            yield
        finally:
            self._busy[adapter] -= 1
            if not self._busy[adapter]:
                del self._busy[adapter]
            self._admit()

    def _admit(self) -> None:
        kept: deque[tuple[float, str, asyncio.Future[None]]] = deque()
        starved = ""
        if self._waiting and time.monotonic() - self._waiting[0][0] > self.patience_s:
            starved = self._waiting[0][1]
        for since, adapter, ready in self._waiting:
            allowed = adapter in self._busy or len(self._busy) < self.adapters
            if starved and starved not in self._busy:
                allowed = adapter == starved and len(self._busy) < self.adapters
            if allowed and sum(self._busy.values()) < self.places:
                self._busy[adapter] = self._busy.get(adapter, 0) + 1
                ready.set_result(None)
            else:
                kept.append((since, adapter, ready))
        self._waiting = kept


def prompt(draw: random.Random) -> list[int]:
    """Token ids."""
    return [draw.randrange(3, VOCABULARY) for _ in range(draw.randint(*PROMPT))]


async def ask(
    session: aiohttp.ClientSession, url: str, model: str, ids: list[int], tokens: int
) -> list[int]:
    """Ids of a greedy answer of exactly so many tokens."""
    body = {"model": model, "prompt": ids, "max_tokens": tokens, "ignore_eos": True,
            "temperature": 0, "return_token_ids": True}  # fmt: skip
    async with session.post(f"{url}/v1/completions", json=body) as reply:
        reply.raise_for_status()
        found: list[int] = (await reply.json())["choices"][0]["token_ids"]
        return found


async def throughput(
    url: str, models: Sequence[str], *, clients: int, requests: int, turns: Turns | None = None
) -> dict[str, Any]:
    """Answered tokens per second over a closed loop; waits for turns are part of latency."""
    draw = random.Random(clients + requests)  # noqa: S311  # a seeded draw of prompts
    latencies: list[float] = []
    todo = iter([(models[number % len(models)], prompt(draw)) for number in range(requests)])
    answered = 0

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal answered
        for model, ids in todo:
            began = time.monotonic()
            if turns is None:
                got = await ask(session, url, model, ids, ANSWER)
            else:
                async with turns.turn(model):
                    got = await ask(session, url, model, ids, ANSWER)
            answered += len(got)
            latencies.append(time.monotonic() - began)

    limits = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=limits, timeout=aiohttp.ClientTimeout(total=300)
    ) as session:
        began = time.monotonic()
        await asyncio.gather(*(client(session) for _ in range(clients)))
        wall = time.monotonic() - began
    latencies.sort()
    return {
        "tok_s": round(answered / wall), "wall_s": round(wall, 1), "requests": requests,
        "p50_s": round(latencies[len(latencies) // 2], 2), "longest_s": round(latencies[-1], 2),
    }  # fmt: skip


async def equal_in_a_crowd(url: str, models: Sequence[str], *, prompts: int) -> dict[str, int]:
    """How many greedy answers of 32 tokens stay the same among all others at once."""
    draw = random.Random(5)  # noqa: S311  # a seeded draw of prompts
    cases = [(model, prompt(draw)) for _ in range(prompts) for model in models]
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=300)
    ) as session:
        alone = [await ask(session, url, model, ids, 32) for model, ids in cases]
        crowd = await asyncio.gather(*(ask(session, url, model, ids, 32) for model, ids in cases))
    return {
        "cases": len(cases),
        "equal": sum(one == other for one, other in zip(alone, crowd, strict=True)),
    }
