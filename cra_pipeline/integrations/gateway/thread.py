"""The gateway for callers without an event loop: it has a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from cra_pipeline.contracts.ports import Oracle, Responder
from cra_pipeline.integrations.gateway.policy import GatewayPolicy
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.kinds import CallKind

T = TypeVar("T")


class RunningGateway:
    """The methods of ``Gateway`` for any thread; each returns when it is done."""

    def __init__(self, gateway: Gateway, loop: asyncio.AbstractEventLoop) -> None:
        self._gateway = gateway
        self._loop = loop

    def open_attempt(
        self,
        attempt: str,
        log_path: Path,
        *,
        temperature: float | None,
        seed: int,
        oracle: Oracle | None = None,
    ) -> Path:
        """As ``Gateway.open_attempt``."""
        return self._done(
            self._gateway.open_attempt(
                attempt, log_path, temperature=temperature, seed=seed, oracle=oracle
            )
        )

    def close_attempt(self, attempt: str) -> tuple[str, ...]:
        """As ``Gateway.close_attempt``."""
        return self._done(self._gateway.close_attempt(attempt))

    def model_errors(self, attempt: str) -> tuple[str, ...]:
        """As ``Gateway.model_errors``."""
        return self._gateway.model_errors(attempt)

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def running_gateway(
    responder: Responder,
    kinds_by_system: Mapping[str, CallKind],
    *,
    oracles: Oracles | None = None,
    sockets: Path | None = None,
    policy: GatewayPolicy | None = None,
) -> Iterator[RunningGateway]:
    """Run a gateway in a thread for the time of the block.

    Args:
        responder: Answers every call; closed at the end.
        kinds_by_system: Call kind by the exact text of its system prompt.
        oracles: The same that ``gold`` was built with.
        sockets: Folder for the folder of sockets; the system's temporary folder if not given.
        policy: What one client may take from the others.
    """
    gateway = Gateway(responder, kinds_by_system, oracles=oracles, sockets=sockets, policy=policy)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(
        target=lambda: asyncio.run(_live(gateway, started)), name="gateway", daemon=True
    )
    thread.start()
    loop, ended = started.result()
    try:
        yield RunningGateway(gateway, loop)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


async def _live(
    gateway: Gateway, started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
) -> None:
    ended = asyncio.Event()
    try:
        await gateway.start()
    except OSError as error:
        started.set_exception(error)
        return
    started.set_result((asyncio.get_running_loop(), ended))
    await ended.wait()
    await gateway.stop()
