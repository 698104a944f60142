"""One limit in time for many calls, at next to no cost where it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Deadline:
    """Ends work that takes too long; lives in one event loop.

    ``asyncio.timeout`` does the same with a timer for each call, which was a tenth of the
    gateway's processor time. Here one timer waits for the oldest call.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # In order of their beginnings, as dictionaries are.
        self._begun: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._waiting = False

    async def within(self, work: Awaitable[T]) -> T:
        """Await ``work``; once at a time in each task.

        Raises:
            TimeoutError: The time is over; the work was cancelled.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to cancel")
        self._begun[task] = asyncio.get_running_loop().time()
        if not self._waiting:
            self._look_again()
        try:
            return await work
        except asyncio.CancelledError:
            # Another's cancellation, at the same moment even, is passed on.
            if task in self._late and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            self._begun.pop(task, None)
            self._late.discard(task)

    def _look_again(self) -> None:
        """Wait for the oldest call's end of time."""
        loop = asyncio.get_running_loop()
        oldest = next(iter(self._begun.values()), None)
        self._waiting = oldest is not None
        if oldest is not None:
            loop.call_at(oldest + self._seconds, self._look)

    def _look(self) -> None:
        due = asyncio.get_running_loop().time() - self._seconds
        for task in [task for task, begun in self._begun.items() if begun <= due]:
            del self._begun[task]
            self._late.add(task)
            task.cancel()
        self._look_again()
