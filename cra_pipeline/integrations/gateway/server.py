"""The gateway: a door for each attempt, and one for an agent in ordinary service."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.ports import Oracle, Responder
from cra_pipeline.errors import BusyError
from cra_pipeline.integrations.gateway.desk import Desk
from cra_pipeline.integrations.gateway.door import Door
from cra_pipeline.integrations.gateway.listening import ANYBODY, listen_unix
from cra_pipeline.integrations.gateway.log import CallLog
from cra_pipeline.integrations.gateway.policy import GatewayPolicy
from cra_pipeline.integrations.leftovers import prefix_of, sweep_among_others
from cra_pipeline.integrations.responders.closing import close
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.kinds import CallKind

SERVICE = ""
"""Attempt key of the calls of ordinary service."""

_LAST = 100
"""Reasons that an ordinary service remembers."""

_NO_GRACE_S = 0.001  # aiohttp takes 0 for no limit


@dataclass(frozen=True, slots=True)
class _Open:
    door: Door
    desk: Desk
    socket: Path | None


class Gateway:
    """Speaks the agent's protocol and has a responder answer; lives in one event loop."""

    def __init__(
        self,
        responder: Responder,
        kinds_by_system: Mapping[str, CallKind],
        *,
        oracles: Oracles | None = None,
        sockets: Path | None = None,
        policy: GatewayPolicy | None = None,
    ) -> None:
        """Nothing listens before an attempt is opened.

        Args:
            responder: Answers every call; closed by ``stop``.
            kinds_by_system: Call kind by the exact text of its system prompt.
            oracles: The same that ``gold`` was built with.
            sockets: Folder in which the private folder of sockets is made; short, because a
                socket's path holds 107 bytes. The system's temporary folder if not given.
            policy: What one client may take from the others.
        """
        self._responder = responder
        self._kinds = kinds_by_system
        self._oracles = Oracles() if oracles is None else oracles
        self._parent = sockets
        self._policy = GatewayPolicy() if policy is None else policy
        self._open: dict[str, _Open] = {}
        # Those that are being opened or closed too: both take time, in which others may ask.
        self._taken: set[str] = set()
        self._errors: dict[str, MutableSequence[str]] = {}
        self._opened = 0

    async def start(self) -> None:
        """Make the folder of sockets, which only this user can enter.

        Those that killed gateways left beside it are removed.
        """
        parent = self._parent or Path(tempfile.gettempdir())
        sweep_among_others(parent)
        self._folder = Path(tempfile.mkdtemp(prefix=prefix_of("cra"), dir=parent))

    async def stop(self) -> None:
        """Close every door, end every log and remove the sockets; answers under way are heard."""
        grace_s = self._policy.grace_s
        await asyncio.gather(*(self._shut(attempt, grace_s) for attempt in tuple(self._open)))
        await close(self._responder)
        shutil.rmtree(self._folder)

    async def open_attempt(
        self,
        attempt: str,
        log_path: Path,
        *,
        temperature: float | None,
        seed: int,
        oracle: Oracle | None = None,
    ) -> Path:
        """Give an attempt a socket of its own, so that none can pose as another.

        Args:
            attempt: Key of the attempt; not empty.
            log_path: ``calls.jsonl`` of the attempt; new or empty.
            temperature: For every call; as the agent asks where it is None.
            seed: For every call.
            oracle: Knows the right answers; told of every answer.

        Returns:
            The socket file; whoever sees it may connect, and its folder is closed to others.

        Raises:
            BusyError: The attempt is open already, or not yet closed.
            StoreError: The log cannot be written, or holds something.
            ValueError: The key is empty, or the socket's path too long.
        """
        if attempt == SERVICE:
            raise ValueError("an attempt's key is not empty")
        with self._taking(attempt):
            path = self._folder / f"{self._opened}.sock"
            self._opened += 1
            listening = listen_unix(path, ANYBODY)
            try:
                log = CallLog(log_path)
            except BaseException:
                listening.close()
                path.unlink()
                raise
            if oracle is not None:
                self._oracles.add(attempt, oracle)
            desk = self._desk(attempt, log, temperature, seed, at_once=1)
            await self._serve(desk, listening, token="", socket_path=path)
        return path

    async def open_service(
        self,
        listening: socket.socket,
        log_path: Path,
        *,
        token: str,
        temperature: float | None = None,
        seed: int = 0,
    ) -> None:
        """Serve agents outside any attempt, on a socket that many may reach.

        Args:
            listening: Of ``listen_loopback`` or ``listen_unix``; closed by ``stop``.
            log_path: Goes on where it holds earlier calls.
            token: Wanted of every client; not empty.
            temperature: For every call; as the agent asks where it is None.
            seed: For every call.

        Raises:
            BusyError: The service is open already.
            StoreError: The log cannot be written.
            ValueError: The token is empty.
        """
        if not token:
            raise ValueError("a socket that many may reach needs a token")
        with self._taking(SERVICE):
            log = CallLog(log_path, resume=True)
            most = self._policy.service_connections
            desk = self._desk(SERVICE, log, temperature, seed, at_once=most)
            await self._serve(desk, listening, token=token, socket_path=None)

    async def close_attempt(self, attempt: str) -> tuple[str, ...]:
        """Close an attempt's door; calls that still wait are cancelled, and logged so.

        Returns:
            Its ``model_errors``.

        Raises:
            KeyError: It is not open.
        """
        await self._shut(attempt, _NO_GRACE_S)
        return self.model_errors(attempt)

    def model_errors(self, attempt: str) -> tuple[str, ...]:
        """Why calls of an attempt, open or closed, failed through no fault of the agent; in order.

        A responder without an answer, a log that could not be written, an error of the program.
        Of an ordinary service the last ones alone.

        Raises:
            KeyError: No attempt was opened under this key.
        """
        return tuple(self._errors[attempt])

    @contextmanager
    def _taking(self, attempt: str) -> Iterator[None]:
        """Keep a key from others; it is free again where the block fails."""
        if attempt in self._taken:
            raise BusyError(f"attempt {attempt!r} is open at this gateway already: close it first")
        self._taken.add(attempt)
        try:
            yield
        except BaseException:
            self._taken.discard(attempt)
            raise

    def _desk(
        self, attempt: str, log: CallLog, temperature: float | None, seed: int, *, at_once: int
    ) -> Desk:
        # A service lives on, and its log has all of them.
        self._errors[attempt] = deque(maxlen=_LAST) if attempt == SERVICE else []
        return Desk(
            attempt=attempt,
            log=log,
            responder=self._responder,
            kinds=self._kinds,
            oracles=self._oracles,
            temperature=temperature,
            seed=seed,
            answer_s=self._policy.answer_s,
            whole_s=self._policy.whole_s,
            at_once=at_once,
            # A service lives on; an attempt has an end.
            most_calls=0 if attempt == SERVICE else self._policy.calls,
            most_bytes=0 if attempt == SERVICE else self._policy.log_bytes,
            errors=self._errors[attempt],
        )

    async def _serve(
        self, desk: Desk, listening: socket.socket, *, token: str, socket_path: Path | None
    ) -> None:
        policy = self._policy
        most = policy.service_connections if token else policy.connections
        door = Door(desk, listening, token=token, policy=policy, connections=most)
        await door.open()
        self._open[desk.attempt] = _Open(door, desk, socket_path)

    async def _shut(self, attempt: str, grace_s: float) -> None:
        opened = self._open.pop(attempt)
        try:
            await opened.door.close(grace_s)
            await opened.desk.end()
            opened.desk.log.close()
        finally:
            self._oracles.remove(attempt)
            if opened.socket is not None:
                opened.socket.unlink(missing_ok=True)
            self._taken.discard(attempt)
