"""One model server, kept alive: started, loaded, watched, and started again when it dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.model_server.table import RunningServer
from cra_pipeline.integrations.responders.lane import Lane

T = TypeVar("T")
_LOOK_S = 0.02


Start = Callable[[], AbstractContextManager[RunningServer]]
"""Starts the server; it answers when the context is entered, and has ended when it is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPolicy:
    """How a server is watched.

    Attributes:
        look_s: Seconds between looks at its process.
        again_s: Seconds before a start that follows a failed one; doubled each time.
        longest_s: Most of those.
    """

    look_s: float = 0.25
    again_s: float = 0.5
    longest_s: float = 30.0


class Instance:
    """A server that should run from ``open`` to ``close``; lives in one event loop.

    All that is asked of the server itself is done by one thread of its own, which lives as long:
    what a server's end is tied to must not end before it.
    """

    def __init__(  # noqa: PLR0913  # one for each side that it is tied to
        self,
        name: str,
        start: Start,
        lane: Lane,
        *,
        told: Callable[[str], None],
        vet: Callable[[Path], None] | None = None,
        most_loads: int = 0,
        policy: WatchPolicy | None = None,
    ) -> None:
        """Nothing runs yet.

        Args:
            name: For messages.
            start: Starts the server, at first and again.
            lane: By which requests come to it; told of its address.
            told: Hears what happens, in words for a person.
            vet: Looks at an adapter that is to be loaded while no server runs that would.
            most_loads: Adapters that one life of the server takes, those that were unloaded
                included: some free no slot. Then it is started again, and requests wait meanwhile.
                0 for any number.
            policy: Of watching.
        """
        self.name = name
        self.lane = lane
        self.server: RunningServer | None = None
        self.starts = 0
        self.asleep = False
        self.served_as = ""
        self._vet = vet
        self._most = most_loads
        self._loads = 0
        self._start = start
        self._told = told
        self._policy = policy or WatchPolicy()
        self._loaded: dict[str, Path] = {}
        self._lacking: dict[str, str] = {}
        self._running: AbstractContextManager[RunningServer] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"server-{name}")
        self._look = asyncio.Event()
        self._busy = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        lane.upstream.suspected = self._look.set

    @property
    def loaded(self) -> tuple[str, ...]:
        """Adapters that it serves, or will when it runs again; sorted."""
        return tuple(sorted(self._loaded))

    async def open(self, *, asleep: bool = False) -> None:
        """Start the server, and watch it from then on.

        Args:
            asleep: Start it only when it is woken.

        Raises:
            PipelineError: It cannot be started.
        """
        self.asleep = asleep
        if not asleep:
            async with self._busy:
                await self._up()
        self._watch = asyncio.get_running_loop().create_task(self._watched())

    async def sleep(self) -> None:
        """End the server for now, once nobody is under way; requests wait until it is woken."""
        upstream = self.lane.upstream
        upstream.down()
        self.asleep = True
        while upstream.under_way:  # noqa: ASYNC110  # rare: a request must not pay for being told of
            await asyncio.sleep(_LOOK_S)
        async with self._busy:
            await self._down()

    async def wake(self) -> None:
        """Start the server with all its adapters; where it cannot be, the watch goes on trying."""
        async with self._busy:
            if self.asleep:
                self.asleep = False
                await self._again(0.0)

    async def load(self, version: str, folder: Path) -> None:
        """Serve an adapter, from now on and after every new start; a second time nothing happens.

        Raises:
            PipelineError: The server refuses it, or does not run.
        """
        async with self._busy:
            if version in self._loaded:
                return
            if self.asleep:
                await self.vetted(folder)
                self._loaded[version] = folder
                return
            if 0 < self._most <= self._loads:
                self._told(f"{self.name}: its server took {self._loads} adapters; started anew")
                await self._down()
                await self._up()
            server = self._there()
            self._loads += 1
            await self._worked(partial(server.load, version, folder))
            self._loaded[version] = folder

    async def vetted(self, folder: Path) -> None:
        """Look at an adapter's files without loading them.

        Raises:
            PipelineError: They are not fit to be served.
        """
        if self._vet is not None:
            await asyncio.to_thread(self._vet, folder)

    async def unload(self, version: str) -> None:
        """Serve it no longer; a second time nothing happens.

        Raises:
            PipelineError: The server refuses.
        """
        async with self._busy:
            folder = self._loaded.pop(version, None)
            lacked = self._lacking.pop(version, None) is not None
            if folder is not None and not lacked and self.server is not None:
                await self._worked(partial(self.server.unload, version))

    async def close(self) -> None:
        """End the server."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        async with self._busy:
            await self._down()
        self._thread.shutdown(wait=False)

    def _there(self) -> RunningServer:
        if self.server is None:
            raise PipelineError(f"{self.name}: its server does not run at the moment")
        return self.server

    async def _up(self) -> None:
        server = await self._worked(self._entered)
        self.starts += 1
        self.served_as = server.served_as
        self._loads = len(self._loaded)
        self._lacking.clear()
        for version in sorted(self._loaded):
            await self._loaded_again(server, version)
        self.server = server
        self.lane.upstream.moved(server.base_url, server.api_key)

    async def _loaded_again(self, server: RunningServer, version: str) -> None:
        try:
            await self._worked(partial(server.load, version, self._loaded[version]))
        except Exception as error:  # noqa: BLE001  # whatever one adapter does, the others serve on
            # Who asks for this one hears that it is not there; the watch tries it again.
            reason = f"{version}: could not be loaded again: {_said(error)}"
            if self._lacking.get(version) != reason:
                self._told(reason)
            self._lacking[version] = reason
            return
        if self._lacking.pop(version, ""):
            self._told(f"{version}: loaded again")

    async def _completed(self) -> None:
        """Load what could not be loaded after the last start."""
        async with self._busy:
            if self.server is None or self.server.ended or self.asleep:
                return
            for version in sorted(self._lacking):
                await self._loaded_again(self.server, version)

    async def _down(self) -> None:
        self.lane.upstream.down()
        self.server = None
        await self._worked(self._exited)

    def _entered(self) -> RunningServer:
        # In the server's own thread, so that a start nobody waits for any more is ended, too.
        running = self._start()
        server = running.__enter__()
        self._running = running
        return server

    def _exited(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.__exit__(None, None, None)

    async def _watched(self) -> None:
        wait_s = self._policy.again_s
        retry = _Retry(self._policy)
        while True:
            try:
                async with asyncio.timeout(self._policy.look_s):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            try:
                wait_s = await self._looked(wait_s)
                if retry.is_due(bool(self._lacking)):
                    await self._completed()
            except Exception as error:  # noqa: BLE001  # who watches must not die of what it sees
                self._told(f"{self.name}: could not be looked after ({_said(error)}); goes on")
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, self._policy.longest_s)

    async def _looked(self, wait_s: float) -> float:
        """Start the server again where it ended; the seconds to wait after a further failure."""
        if not self._is_missing():
            return self._policy.again_s
        async with self._busy:
            if not self._is_missing():
                return wait_s
            self._told(f"{self.name}: its server ended unasked; it is started again")
            return await self._again(wait_s)

    def _is_missing(self) -> bool:
        return not self.asleep and (self.server is None or self.server.ended)

    async def _again(self, wait_s: float) -> float:
        try:
            await self._down()
            await self._up()
        except (PipelineError, OSError) as error:
            self._told(f"{self.name}: could not be started again ({error}); next in {wait_s:g} s")
            await asyncio.sleep(wait_s)
            return min(wait_s * 2, self._policy.longest_s)
        there = [version for version in self.loaded if version not in self._lacking]
        self._told(f"{self.name}: serves again; loaded: {', '.join(there) or 'no adapter'}")
        return wait_s

    async def _worked(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Retry:
    """When what is lacking is tried again: after longer and longer waits."""

    def __init__(self, policy: WatchPolicy) -> None:
        self._policy = policy
        self._wait_s = policy.again_s
        self._next = 0.0

    def is_due(self, lacking: bool) -> bool:  # noqa: FBT001  # nothing else is asked
        now = time.monotonic()
        if not lacking:
            self._wait_s, self._next = self._policy.again_s, 0.0
            return False
        if not self._next:
            self._next = now + self._wait_s
        if now < self._next:
            return False
        self._wait_s = min(2 * self._wait_s, self._policy.longest_s)
        self._next = now + self._wait_s
        return True


def _said(error: Exception) -> str:
    # Errors of ours are words for a person; of others the name tells more than the text.
    return str(error) if isinstance(error, PipelineError) else repr(error)
