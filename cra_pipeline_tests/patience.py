"""A limit on the processor's time, so that work without end fails a test and does not hang it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise ``TimeoutError`` once the block has used so many seconds of this process's time.

    Other programs on the machine do not count. For the main thread only.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise TimeoutError(f"not done after {seconds} s of the processor's time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
