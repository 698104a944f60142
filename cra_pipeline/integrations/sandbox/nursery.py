"""The long-lived interpreter that starts and awaits every run of one pipeline process.

Starting an interpreter for each run would take longer than all else together. The nursery ends
when the pipeline does, however that ends, and the kernel ends its children with it.

Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
from pathlib import Path

from cra_pipeline.integrations.sandbox import kernel, launch
from cra_pipeline.integrations.sandbox.launch import OwnerMaps
from cra_pipeline.integrations.sandbox.plan import Plan

_MESSAGE_BYTES = 1 << 16
_DESCRIPTORS = 16


class Nursery:
    """Every run that is under way, and the owner maps that were made for earlier ones.

    Args:
        line: Socket to the pipeline.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._lifeline = os.pipe()
        self._poll = select.poll()
        self._runs: dict[int, tuple[int, int, int]] = {}
        self._maps: dict[int, OwnerMaps] = {}

    def serve(self, parent: int) -> None:
        """Answer requests until the pipeline closes the line or dies.

        Args:
            parent: Process id of the pipeline.
        """
        if os.getppid() != parent:
            return
        pipeline = os.pidfd_open(parent)
        self._poll.register(pipeline, select.POLLIN)
        self._poll.register(self._line, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == pipeline:
                    return
                if descriptor in self._runs:
                    self._finish(descriptor)
                elif not self._answer():
                    return

    def _answer(self) -> bool:
        """Start what one request asks for; False when the pipeline has closed the line.

        The answer is ``ok`` with a descriptor of the new process, or why there is none.
        """
        message, descriptors, _, _ = socket.recv_fds(self._line, _MESSAGE_BYTES, _DESCRIPTORS)
        if not message:
            return False
        request = json.loads(message)
        handed = dict(zip(request["names"], descriptors, strict=True))
        try:
            self._start(request["user"], request["owners"], handed)
        except OSError as error:
            self._line.sendall(str(error).encode())
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _start(self, user: int, owners: list[list[int]], handed: dict[str, int]) -> None:
        maps = self._owner_maps(user, owners)
        status = os.memfd_create("status")
        child = kernel.fork_into(launch.namespaces(user))
        if child == 0:
            try:
                self._become(handed, maps, status)
            finally:
                os._exit(1)
        process = os.pidfd_open(child)
        self._runs[process] = (child, status, os.dup(handed["report"]))
        self._poll.register(process, select.POLLIN)
        socket.send_fds(self._line, [b"ok"], [process])

    def _become(self, handed: dict[str, int], maps: OwnerMaps, status: int) -> None:
        os.close(self._lifeline[1])
        # What an unexpected error prints belongs to this run.
        os.dup2(handed["stdout"], 1)
        os.dup2(handed["stderr"], 2)
        with os.fdopen(handed["plan"], "rb") as file:
            fields = json.load(file)
        plan = Plan(fields | {"channel": -1, "secret": -1} | handed)
        launch.main(plan, maps, self._lifeline[0], status)

    def _finish(self, process: int) -> None:
        """Report a run's end: exit code, microseconds of processor time, whether it ran."""
        child, status, report = self._runs.pop(process)
        self._poll.unregister(process)
        _, code, usage = os.wait4(child, 0)
        ran = b'"exit-code"' in os.pread(status, 4096, 0)
        microseconds = int((usage.ru_utime + usage.ru_stime) * 1_000_000)
        words = f"end {os.waitstatus_to_exitcode(code)} {microseconds} {int(ran)}\n"
        # The pipeline may have given this run up.
        with contextlib.suppress(BrokenPipeError):
            os.write(report, words.encode())
        for descriptor in (process, status, report):
            os.close(descriptor)

    def _owner_maps(self, user: int, owners: list[list[int]]) -> OwnerMaps:
        maps = self._maps.setdefault(user, {})
        for owner in owners:
            key = (owner[0], owner[1])
            if key not in maps:
                maps[key] = _namespace(key, user)
        return maps


def serve(control: int, parent: int) -> None:
    """Be the nursery of the process ``parent``, which holds the other end of ``control``."""
    # Both mean that the pipeline died in the middle of something; so does this process then.
    with contextlib.suppress(ProcessLookupError, ConnectionError):
        Nursery(socket.socket(fileno=control)).serve(parent)


def _namespace(owner: tuple[int, int], user: int) -> int:
    """Descriptor of a user namespace whose map takes ``owner`` to ``user``.

    A namespace lives as long as a process or a descriptor: the process is needed only to make it.
    """
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        kernel.unshare(kernel.CLONE_NEWUSER)
        os.write(ready[1], b"1")
        os.close(done[1])
        os.read(done[0], 1)
        os._exit(0)
    os.close(ready[1])
    os.read(ready[0], 1)
    try:
        for name, inner in (("uid_map", owner[0]), ("gid_map", owner[1])):
            Path(f"/proc/{child}/{name}").write_text(f"{inner} {user} 1", encoding="ascii")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for end in (ready[0], *done):
            os.close(end)
        os.waitpid(child, 0)
