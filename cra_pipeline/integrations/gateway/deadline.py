"""Limits in time for many calls, at next to no cost where they are kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from cra_pipeline.integrations.responders.queueing import CLOCK

T = TypeVar("T")


class Deadline:
    """Ends work that takes too long; lives in one event loop.

    ``asyncio.timeout`` does the same with a timer for each call, which was a tenth of the
    gateway's processor time. Here one timer waits for the call that is due first.
    """

    def __init__(self, seconds: float, whole_s: float = math.inf) -> None:
        """Nothing is limited yet.

        Args:
            seconds: For the work, without the time that it waits ``queued``.
            whole_s: For both together.
        """
        self._seconds = seconds
        self._whole_s = whole_s
        self._running: dict[asyncio.Task[object], _Running] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def within(self, work: Awaitable[T]) -> T:
        """Await ``work``; once at a time in each task.

        Raises:
            TimeoutError: The time is over; the work was cancelled. Its text says which time.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to cancel")
        now = asyncio.get_running_loop().time()
        running = _Running(self, now + self._whole_s, now + self._seconds)
        self._running[task] = running
        self.watch(running.due)
        before = CLOCK.set(running)
        try:
            return await work
        except asyncio.CancelledError:
            # Another's cancellation, at the same moment even, is passed on.
            if task in self._late and task.uncancel() == 0:
                raise TimeoutError(self._words(running)) from None
            raise
        finally:
            CLOCK.reset(before)
            self._running.pop(task, None)
            self._late.discard(task)

    def watch(self, due: float) -> None:
        """See to it that somebody looks at this moment of the loop's clock."""
        if self._timer is not None and self._timer.when() <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for task in [task for task, running in self._running.items() if running.due <= now]:
            del self._running[task]
            self._late.add(task)
            task.cancel()
        if self._running:
            self.watch(min(running.due for running in self._running.values()))

    def _words(self, running: _Running) -> str:
        if running.own <= running.whole and not running.waits:
            return f"in {self._seconds:g} s"
        now = asyncio.get_running_loop().time()
        return (
            f"in {self._whole_s:g} s, {running.waited(now):.3g} s of them in our own queue: allow "
            "more requests at once or per minute, or fewer attempts at once"
        )


@dataclass(slots=True)
class _Running:
    """Times of one call, on the loop's clock.

    Attributes:
        deadline: Watches it.
        whole: When all of it is over.
        own: When the work's own time is over, unless it waits again.
        stopped: Since when it waits; 0 while it does not.
        in_queue: Seconds that it has waited before.
    """

    deadline: Deadline
    whole: float
    own: float
    stopped: float = 0.0
    in_queue: float = field(default=0.0)

    @property
    def waits(self) -> bool:
        return self.stopped > 0

    @property
    def due(self) -> float:
        return self.whole if self.waits else min(self.whole, self.own)

    def waited(self, now: float) -> float:
        return self.in_queue + (now - self.stopped if self.waits else 0.0)

    def stop(self) -> None:
        self.stopped = asyncio.get_running_loop().time()

    def go_on(self) -> None:
        more = asyncio.get_running_loop().time() - self.stopped
        self.stopped = 0.0
        self.in_queue += more
        self.own += more
        self.deadline.watch(self.due)
