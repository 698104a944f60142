"""The long-lived interpreter that starts every run of one pipeline process by a fork.

Starting an interpreter for each run would take longer than all else together. The nursery ends
when the pipeline does, however that ends, and the kernel ends its children, the guards, with it.

Standard library only.
"""

from __future__ import annotations

import json
import os
import select
import socket

from cra_pipeline.integrations.sandbox import launch

_MESSAGE_BYTES = 4096
_DESCRIPTORS = 16


def serve(control: int, parent: int) -> None:
    """Answer requests until the pipeline closes the control socket or dies.

    A request names its descriptors, in order; the answer is ``ok`` with a descriptor of the
    guard's process, or a text that says why there is none.

    Args:
        control: Descriptor of the socket to the pipeline.
        parent: Process id of the pipeline.
    """
    pipeline = os.pidfd_open(parent)
    if os.getppid() != parent:
        return
    line = socket.socket(fileno=control)
    poll = select.poll()
    poll.register(pipeline, select.POLLIN)
    poll.register(line, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if pipeline in ready:
            return
        message, descriptors, _, _ = socket.recv_fds(line, _MESSAGE_BYTES, _DESCRIPTORS)
        if not message:
            return
        _reap()
        try:
            _start(line, dict(zip(message.decode().split(), descriptors, strict=True)))
        except OSError as error:
            line.sendall(str(error).encode())
        for descriptor in descriptors:
            os.close(descriptor)


def _start(line: socket.socket, handed: dict[str, int]) -> None:
    child = os.fork()
    if child == 0:
        try:
            # What an unexpected error prints belongs to this run.
            os.dup2(handed["stdout"], 1)
            os.dup2(handed["stderr"], 2)
            line.close()
            _run(handed)
        finally:
            os._exit(1)
    guard = os.pidfd_open(child)
    try:
        socket.send_fds(line, [b"ok"], [guard])
    finally:
        os.close(guard)


def _run(handed: dict[str, int]) -> None:
    with os.fdopen(handed.pop("plan"), "rb") as file:
        fields = json.load(file)
    launch.main(fields | {"channel": -1, "secret": -1} | handed)


def _reap() -> None:
    """Forget guards that have ended; until then their numbers belong to nobody else."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return
