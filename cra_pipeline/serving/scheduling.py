"""In which order requests go to a server: batches of one adapter, and nobody waits without end.

A server works best on one adapter at a time: a switch costs time, and a mixed batch costs a third
of the throughput. Pure; one queue belongs to one server.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """How long one adapter may go on while others wait.

    Attributes:
        batch: Requests of one adapter that are let in before the one that waits longest. Four
            rounds of 16 places: on one H200, eight adapters mixed came to 0.63 of the base's
            throughput and one alone to 0.74, so that much more than a full server of one adapter
            gains little.
    """

    batch: int = 64


class AdapterQueue(Generic[T]):
    """Requests that wait for a place at a server.

    While the adapter whose turn it is has requests, up to ``batch`` of them go first; then it is
    the turn of whichever adapter has the request that waits longest. So a request before which
    ``k`` others wait is let in after ``(k + 1) * batch`` others at most, whatever comes behind it.
    """

    def __init__(self, policy: BatchPolicy | None = None) -> None:
        """Nobody waits."""
        self._batch = (policy or BatchPolicy()).batch
        self._waiting: dict[str, deque[tuple[int, T]]] = {}
        self._arrived = 0
        self._turn = ""
        self._let_in = 0

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    def add(self, adapter: str, request: T) -> None:
        """A request comes."""
        self._waiting.setdefault(adapter, deque()).append((self._arrived, request))
        self._arrived += 1

    def passed(self, adapter: str) -> None:
        """A request was let in without waiting: the server works on its adapter now."""
        self._count(adapter)

    def take(self) -> T | None:
        """The request that goes next; None where none waits."""
        if not self._waiting:
            return None
        adapter = self._turn
        if self._let_in >= self._batch or adapter not in self._waiting:
            adapter = min(self._waiting, key=lambda name: self._waiting[name][0][0])
            # A turn begins anew, be it the same adapter's.
            self._turn, self._let_in = adapter, 0
        self._count(adapter)
        queue = self._waiting[adapter]
        _, request = queue.popleft()
        if not queue:
            del self._waiting[adapter]
        return request

    def _count(self, adapter: str) -> None:
        if adapter != self._turn:
            self._turn, self._let_in = adapter, 0
        self._let_in += 1
