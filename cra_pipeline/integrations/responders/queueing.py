"""Time that a question waits for limits of our own: it is not the time of whoever answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Clock(Protocol):
    """Measures how long an answer takes."""

    def stop(self) -> None:
        """The question waits for its turn from now on."""
        ...

    def go_on(self) -> None:
        """It is its turn."""
        ...


CLOCK: ContextVar[Clock | None] = ContextVar("CLOCK", default=None)
"""Of the call that is being answered; None where nobody measures."""


@contextmanager
def queued() -> Iterator[None]:
    """Wait within the block for a limit of our own, such as a place or a pace; not nested."""
    clock = CLOCK.get()
    if clock is None:
        yield
        return
    clock.stop()
    try:
        yield
    finally:
        clock.go_on()
