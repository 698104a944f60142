"""Answers the test command of one attempt, on a socket that only this attempt's sandbox sees.

It has a thread of its own and takes one submission after the other. Whoever sends too much, too
slowly or too often is told so; nothing that is sent is run here, only handed on to a sandbox.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.clean_room.submission import MOST_BYTES, Submission, submitted
from cra_pipeline.integrations.clean_room.trial import FAILED, Answer
from cra_pipeline.integrations.gateway.listening import ANYBODY, listen_unix
from cra_pipeline.integrations.leftovers import prefix_of

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPolicy:
    """What one attempt may ask for.

    Attributes:
        most_runs: Submissions, refused ones included.
        most_bytes: Of one submission.
        transfer_s: Seconds in which one must have arrived, and its answer must have left.
    """

    most_runs: int = 40
    most_bytes: int = MOST_BYTES
    transfer_s: float = 30.0


class Desk:
    """Takes submissions, one after the other.

    Attributes:
        socket: Whoever sees it may connect, and its folder is closed to others.
    """

    def __init__(
        self,
        place: Path,
        run: Callable[[Submission, float], Answer],
        seconds: float,
        policy: DeskPolicy,
    ) -> None:
        self.socket = place
        self._run = run
        self._until = time.monotonic() + seconds
        self._policy = policy
        self._asked = 0
        self._faults: list[str] = []

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the machine could not run tests, in order."""
        return tuple(self._faults)

    def serve(self, listening: socket.socket, ended: int) -> None:
        """Answer until ``ended`` can be read."""
        with listening:
            while ended not in select.select([listening.fileno(), ended], [], [])[0]:
                client, _ = listening.accept()
                with client:
                    self._serve_one(client)

    def _serve_one(self, client: socket.socket) -> None:
        answer = self._answer(client)
        data = b"%d\n%b" % (answer.status, answer.output.encode())
        client.settimeout(self._policy.transfer_s)
        # Whoever asked may have ended meanwhile.
        with contextlib.suppress(OSError):
            client.sendall(data)

    def _answer(self, client: socket.socket) -> Answer:
        self._asked += 1
        if self._asked > self._policy.most_runs:
            return _refused(f"{self._policy.most_runs} test runs are all that an attempt may have")
        try:
            submission = submitted(self._received(client))
        except ValueError as error:
            return _refused(str(error))
        except OSError as error:
            return _refused(f"nothing arrived within its time ({error})")
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            return _refused("the attempt's time is up")
        return self._tested(submission, left_s)

    def _tested(self, submission: Submission, left_s: float) -> Answer:
        try:
            answer = self._run(submission, left_s)
        except SandboxError as error:
            answer = _faulty(str(error))
        except OSError as error:
            answer = _faulty(f"the tests could not be prepared ({error.strerror})")
        if answer.fault:
            self._faults.append(answer.fault)
        return answer

    def _received(self, client: socket.socket) -> bytes:
        """All that a client sends until it ends.

        Raises:
            OSError: It is too slow, or gone.
            ValueError: It is too much.
        """
        content = bytearray()
        until = time.monotonic() + self._policy.transfer_s
        while True:
            client.settimeout(max(0.001, until - time.monotonic()))
            piece = client.recv(_CHUNK)
            if not piece:
                return bytes(content)
            content += piece
            if len(content) > self._policy.most_bytes:
                raise ValueError(f"the submission is over {self._policy.most_bytes} bytes")


def _refused(words: str) -> Answer:
    return Answer(status=FAILED, output=f"nothing was tested: {words}\n")


def _faulty(words: str) -> Answer:
    return Answer(status=FAILED, output="the tests were not run\n", fault=words)


@contextmanager
def open_desk(
    run: Callable[[Submission, float], Answer],
    *,
    seconds: float,
    policy: DeskPolicy | None = None,
) -> Iterator[Desk]:
    """Keep a desk open for the time of the block; a run under way is waited for.

    Args:
        run: Tests a submission within so many seconds.
        seconds: How long the attempt lasts; no run goes on beyond that.
        policy: What the attempt may ask for.

    Raises:
        OSError: There is no room for a socket.
    """
    with ExitStack() as stack:
        # Short, because a socket's path holds 107 bytes; only this user can enter it.
        folder = tempfile.mkdtemp(prefix=prefix_of("cra"))
        stack.callback(shutil.rmtree, folder)
        ended, ending = os.pipe()
        stack.callback(os.close, ended)
        listening = listen_unix(Path(folder) / "tests.sock", ANYBODY)
        desk = Desk(Path(folder) / "tests.sock", run, seconds, policy or DeskPolicy())
        pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="tests-desk"))
        served = pool.submit(desk.serve, listening, ended)
        try:
            yield desk
        finally:
            os.close(ending)
            # An error of the program is heard here, and not lost with the thread.
            served.result()
