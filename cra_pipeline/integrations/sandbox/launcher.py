"""The pipeline's side of the nursery: starts it once per process and asks it for runs."""

from __future__ import annotations

import atexit
import contextlib
import json
import marshal
import os
import socket
import subprocess
import threading
from pathlib import Path

from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox.locate import interpreter

_PACKAGE = "cra_pipeline.integrations.sandbox"
# In the order of their imports.
_MODULES = ("kernel", "copying", "plan", "mounts", "launch", "nursery")
# The modules come compiled: the bare interpreter there would not find them.
_BOOT = (
    "import sys,marshal\n"
    "package,modules,parent=marshal.load(open(int(sys.argv[1]),'rb'))\n"
    "folder=sys.modules[package]=type(sys)(package)\n"
    "for name,code in modules:\n"
    " module=sys.modules[package+'.'+name]=type(sys)(name)\n"
    " setattr(folder,name,module)\n"
    " exec(code,module.__dict__)\n"
    "module.serve(int(sys.argv[2]),parent)\n"
)
_ANSWER_BYTES = 4096

Owners = list[tuple[int, int]]
"""User and group of files."""

_lock = threading.Lock()
_launchers: dict[int, Launcher] = {}


class Launcher:
    """One nursery and the socket to it; not safe for several threads at once."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        config = os.memfd_create("nursery")
        try:
            with os.fdopen(os.dup(config), "wb") as file:
                marshal.dump((_PACKAGE, _compiled(), os.getpid()), file)
            os.lseek(config, 0, os.SEEK_SET)
            self._process = subprocess.Popen(
                [interpreter(), "-I", "-S", "-c", _BOOT, str(config), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[config, theirs.fileno()],
                env={},
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.close(config)
            theirs.close()

    def launch(self, user: int, owners: Owners, handed: dict[str, int]) -> int:
        """Start one run.

        Args:
            user: As ``plan.Plan.user``.
            owners: Of the paths to show; those that can be mapped will belong to ``user``.
            handed: Descriptors by name: stdout, stderr, report, plan, and channel and secret
                where they are wanted.

        Returns:
            A descriptor of the run's first process, which the caller closes.

        Raises:
            ConnectionError: The nursery is gone.
            ChildProcessError: It was refused a process.
        """
        request = {"user": user, "owners": owners, "names": list(handed)}
        socket.send_fds(self._line, [json.dumps(request).encode()], list(handed.values()))
        answer, descriptors, _, _ = socket.recv_fds(self._line, _ANSWER_BYTES, 1)
        if not answer:
            raise ConnectionResetError("the nursery ended")
        if answer != b"ok":
            raise ChildProcessError(answer.decode(errors="replace"))
        return descriptors[0]

    def close(self) -> None:
        """End the nursery and every run that it started."""
        with contextlib.suppress(OSError):
            # A fork of the pipeline may hold a copy, so closing alone would not be seen.
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()
        self._process.wait()

    def forget(self) -> None:
        """Close this process's copy of a line that belongs to another."""
        self._line.close()


def launch(user: int, owners: Owners, handed: dict[str, int]) -> int:
    """Start one run with this process's nursery; see ``Launcher.launch``.

    A nursery that has died is replaced once.

    Raises:
        ChildProcessError: It was refused a process.
        SandboxError: There is no nursery to be had.
    """
    with _lock:
        try:
            return _current().launch(user, owners, handed)
        except ConnectionError:
            _discard()
        try:
            return _current().launch(user, owners, handed)
        except ConnectionError as error:
            _discard()
            raise SandboxError(
                f"sandbox: the launcher {interpreter()} did not start ({error}); expected this "
                "environment's own interpreter to run: make setup"
            ) from error


def _current() -> Launcher:
    """This process's launcher: a fork of the pipeline must not talk over its parent's line."""
    if os.getpid() not in _launchers:
        _launchers[os.getpid()] = Launcher()
    return _launchers[os.getpid()]


@atexit.register
def _discard() -> None:
    launcher = _launchers.pop(os.getpid(), None)
    if launcher is not None:
        launcher.close()


def _start_afresh() -> None:
    """In a fork of the pipeline: another thread's hold on the lock did not come along."""
    global _lock  # noqa: PLW0603  # a lock cannot be freed by who does not hold it
    _lock = threading.Lock()
    for launcher in _launchers.values():
        launcher.forget()


os.register_at_fork(after_in_child=_start_afresh)


def _compiled() -> list[tuple[str, object]]:
    """The nursery's modules; the interpreter there is the one here."""
    here = Path(__file__)
    return [
        (name, compile(here.with_name(f"{name}.py").read_bytes(), name, "exec", dont_inherit=True))
        for name in _MODULES
    ]
