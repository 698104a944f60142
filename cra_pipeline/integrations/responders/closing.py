"""Responders that hold connections, and their end."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cra_pipeline.contracts.ports import Responder


@runtime_checkable
class Closing(Protocol):
    """A responder with something to let go of."""

    async def close(self) -> None:
        """Let go of connections; called once, in the loop that asked for answers."""
        ...


async def close(responder: Responder) -> None:
    """Close a responder where it has anything to close."""
    if isinstance(responder, Closing):
        await responder.close()
