"""The way to one model server: a window, a queue with an end, and so many requests at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.queueing import queued
from cra_pipeline.integrations.responders.upstream import UnavailableError, Upstream

_TEMPLATE_BYTES = 256
"""More than a chat template writes around two messages."""

Ticket = asyncio.Future[None]

Count = Callable[[str, str], int]
"""Tokens of a system and a user text as the server reads them."""


class WindowError(ModelError):
    """A request is larger than the window of the model that it is for; it was not sent."""


class QueueFullError(UnavailableError):
    """More requests wait than the queue holds."""


class Order(Protocol):
    """Who goes next among those that wait."""

    def add(self, adapter: str, request: Ticket) -> None:
        """A request comes."""
        ...

    def passed(self, adapter: str) -> None:
        """A request was let in without waiting."""
        ...

    def take(self) -> Ticket | None:
        """Who goes next; None where nobody waits."""
        ...


class Arrivals:
    """The order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[Ticket] = deque()

    def add(self, adapter: str, request: Ticket) -> None:
        """A request comes."""
        del adapter
        self._waiting.append(request)

    def passed(self, adapter: str) -> None:
        """A request was let in without waiting."""

    def take(self) -> Ticket | None:
        """The one that came first."""
        return self._waiting.popleft() if self._waiting else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePolicy:
    """Limits before a server.

    Attributes:
        at_once: Requests sent and not yet answered: as many as vLLM computes together by default
            on a card of 24 GB and less.
        waiting: Requests that may wait for a place; further ones are refused at once.
    """

    at_once: int = 64
    waiting: int = 2048


class Lane:
    """Lets requests through to one server; lives in one event loop."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        window: int,
        count: Count | None = None,
        order: Order | None = None,
        policy: LanePolicy | None = None,
    ) -> None:
        """Nobody is under way.

        Args:
            upstream: The server.
            window: Most tokens of prompt and answer together.
            count: The model's own tokens; without it a prompt is as long as its bytes at most.
            order: Who goes next.
            policy: Limits.
        """
        self.upstream = upstream
        self.window = window
        self._count = count
        self._order: Order = order or Arrivals()
        self._policy = policy or LanePolicy()
        self._under_way = 0
        self._waiting = 0

    @property
    def is_idle(self) -> bool:
        """Whether a request would be alone."""
        return not self._under_way and not self._waiting

    async def ask(self, request: ModelRequest, model: str) -> ModelAnswer:
        """The answer of a model behind this lane.

        Raises:
            WindowError: The request does not fit; nothing was sent.
            QueueFullError: Too many wait already.
            ModelError: As ``Upstream.ask``.
        """
        await self._require_room(request)
        async with self._place(model):
            return await self.upstream.ask(request, model)

    async def _require_room(self, request: ModelRequest) -> None:
        most = len(request.system.encode()) + len(request.prompt.encode()) + _TEMPLATE_BYTES
        # A token is a byte at least: what fits as bytes need not be counted.
        if most + request.max_tokens <= self.window or self._count is None:
            return
        tokens = await asyncio.to_thread(self._count, request.system, request.prompt)
        if tokens + request.max_tokens > self.window:
            raise WindowError(
                f"{request.call_kind}: {tokens} tokens of prompt and {request.max_tokens} of "
                f"answer; {self.upstream.name} has a window of {self.window} for both: have the "
                "agent send less (its context_window setting)"
            )

    @asynccontextmanager
    async def _place(self, model: str) -> AsyncIterator[None]:
        if self._under_way < self._policy.at_once:
            self._under_way += 1
            self._order.passed(model)
        else:
            await self._turn(model)
        try:
            yield
        finally:
            self._leave()

    async def _turn(self, model: str) -> None:
        if self._waiting >= self._policy.waiting:
            raise QueueFullError(
                f"{self.upstream.name}: {self._waiting} requests wait already, the queue holds no "
                "more: ask later, or fewer at once"
            )
        ticket: Ticket = asyncio.get_running_loop().create_future()
        self._order.add(model, ticket)
        self._waiting += 1
        try:
            with queued():
                await ticket
        except asyncio.CancelledError:
            # The place may have been given just before the client left.
            if ticket.done() and not ticket.cancelled():
                self._leave()
            raise
        finally:
            self._waiting -= 1

    def _leave(self) -> None:
        """Hand the place on to whoever is next and still there."""
        while (ticket := self._order.take()) is not None:
            if not ticket.done():
                ticket.set_result(None)
                return
        self._under_way -= 1
