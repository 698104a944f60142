"""The right answers of the attempts under way."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from cra_pipeline.contracts.ports import Oracle


@dataclass(frozen=True, slots=True)
class _Seat:
    oracle: Oracle
    lock: threading.Lock = field(default_factory=threading.Lock)


class Oracles:
    """Oracles by attempt, shared by the gateway, which fills it, and the responder that asks.

    Each oracle is used by one thread at a time; different ones at once.
    """

    def __init__(self) -> None:
        self._seats: dict[str, _Seat] = {}

    def add(self, attempt: str, oracle: Oracle) -> None:
        """Give an attempt its oracle."""
        self._seats[attempt] = _Seat(oracle)

    def remove(self, attempt: str) -> None:
        """Forget an attempt, there or not."""
        self._seats.pop(attempt, None)

    def knows(self, attempt: str) -> bool:
        """Whether the attempt has an oracle."""
        return attempt in self._seats

    def answer(self, attempt: str, call_kind: str, prompt: str) -> str:
        """The right answer; blocks.

        Raises:
            ValueError: The attempt has no oracle, or the commit knows no answer.
        """
        seat = self._seats.get(attempt)
        if seat is None:
            raise ValueError(f"attempt {attempt!r} was opened without an oracle")
        with seat.lock:
            return seat.oracle.answer(call_kind, prompt)

    def observe(self, attempt: str, call_kind: str, prompt: str, response: str) -> None:
        """Tell an attempt's oracle what was answered; blocks."""
        seat = self._seats.get(attempt)
        if seat is not None:
            with seat.lock:
                seat.oracle.observe(call_kind, prompt, response)
