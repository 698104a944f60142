"""Follows something that changes on disk, and acts on every change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cra_pipeline.errors import PipelineError

POLL_S = 0.25
"""Between looks: a promotion serves about a second later, most of it the adapter's load."""


async def follow(
    mark: Callable[[], bytes],
    act: Callable[[], Awaitable[None]],
    told: Callable[[str], None],
    *,
    seen: bytes,
    poll_s: float = POLL_S,
) -> None:
    """Act whenever the mark is another one than before; without end.

    An act that cannot be done is told of, and tried again with the next change; the ledger's own
    writers replace two files one after the other, so one that fails at once is tried once more.

    Args:
        mark: Cheap to read; another one after every change.
        act: Brings things in line.
        told: Hears what could not be done.
        seen: The mark that was acted on last.
        poll_s: Seconds between looks.
    """
    failed = b""
    while True:
        await asyncio.sleep(poll_s)
        now = mark()
        if now == seen:
            continue
        try:
            await act()
        except (PipelineError, ValueError, OSError) as error:
            if failed != now:
                failed = now
                continue
            told(f"what the registry says now cannot be served: {error}")
        seen = now
