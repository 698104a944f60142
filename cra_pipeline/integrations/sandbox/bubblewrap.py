"""The sandbox: from a request to a result.

The limits of what it promises stand in ``probe.LIMITS_OF_THE_SANDBOX``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import time
from contextlib import ExitStack

from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.sandbox import Ending, Limits, SandboxRequest, SandboxResult
from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox.arguments import (
    bubblewrap_options,
    require_sound,
    shown_binds,
)
from cra_pipeline.integrations.sandbox.diagnose import refusal
from cra_pipeline.integrations.sandbox.launcher import launch
from cra_pipeline.integrations.sandbox.locate import find_bubblewrap, find_stage
from cra_pipeline.integrations.sandbox.plan import ARGUMENTS
from cra_pipeline.integrations.sandbox.seccomp import filter_program
from cra_pipeline.integrations.sandbox.supervise import Watch
from cra_pipeline.integrations.sandbox.users import sandbox_user

_SECRET_MOST = 1 << 16


class BubblewrapSandbox(Sandbox):
    """Runs foreign code under bubblewrap, as root or as an ordinary user.

    When the pipeline ends, however it ends, the kernel ends every run with it.
    """

    def run(self, request: SandboxRequest) -> SandboxResult:
        """Run to the end or to a limit; safe to call from many threads.

        Raises:
            SandboxError: The request cannot be shown safely, there is no bubblewrap, or the
                machine forbids sandboxes; a single run that did not start is a result instead.
        """
        return run_and_tell(request)[0]


def run_and_tell(request: SandboxRequest) -> tuple[SandboxResult, str]:
    """As ``BubblewrapSandbox.run``, and how the tree became writable: overlay, copy, or nothing."""
    require_sound(request)
    started = time.monotonic()
    with sandbox_user() as user, ExitStack() as stack:
        try:
            watch = _start(request, user, started, stack)
        except ChildProcessError as error:
            return _refused(str(error), started), ""
        watch.follow()
        ending, code, cpu_s, detail = watch.judge()
    if ending is Ending.NOT_STARTED:
        _raise_if_hopeless(detail)
    result = SandboxResult(
        ending=ending,
        exit_code=code,
        channel=_kept(watch, "channel"),
        stdout=_kept(watch, "stdout").decode(errors="replace"),
        stderr=_kept(watch, "stderr").decode(errors="replace"),
        wall_s=time.monotonic() - started,
        cpu_s=cpu_s,
        detail=detail,
    )
    return result, " ".join(watch.words("tree"))


def _refused(reason: str, started: float) -> SandboxResult:
    """The result where not even a first process could be had, such as when there are too many."""
    detail = f"sandbox did not start: {reason}"
    _raise_if_hopeless(detail)
    return SandboxResult(
        ending=Ending.NOT_STARTED,
        exit_code=-9,
        channel=b"",
        stdout="",
        stderr="",
        wall_s=time.monotonic() - started,
        cpu_s=0.0,
        detail=detail,
    )


def _raise_if_hopeless(detail: str) -> None:
    """Tell a machine that forbids sandboxes from one run that went wrong."""
    reason = refusal()
    if reason is not None:
        raise SandboxError(f"sandbox: {reason} ({detail})")


def _kept(watch: Watch, name: str) -> bytes:
    return watch.tails[name].kept() if name in watch.tails else b""


def _start(request: SandboxRequest, user: int, started: float, stack: ExitStack) -> Watch:
    """Start a run; ``stack`` closes what the watch reads."""
    names = ("stdout", "stderr", "report", *(["channel"] if request.channel else []))
    pipes: dict[str, int] = {}
    with ExitStack() as given:
        theirs: dict[str, int] = {}
        for name in names:
            pipes[name], theirs[name] = _pipe(stack, given)
        if request.secret:
            theirs["secret"] = _secret(request.secret, given)
        theirs["plan"] = _plan(_fields(request, user), given)
        process = launch(user, _owners(request), theirs)
    stack.callback(_end, process)
    return Watch(process=process, pipes=pipes, limits=request.limits, started=started)


def _end(process: int) -> None:
    """Leave nothing running, whatever interrupted the watch."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    os.close(process)


def _pipe(reading: ExitStack, writing: ExitStack) -> tuple[int, int]:
    """A pipe's two ends, each closed by its stack."""
    reader, writer = os.pipe()
    reading.callback(os.close, reader)
    writing.callback(os.close, writer)
    return reader, writer


def _plan(fields: dict[str, object], given: ExitStack) -> int:
    """Descriptor of a file in memory that holds the plan."""
    descriptor = os.memfd_create("plan")
    given.callback(os.close, descriptor)
    with os.fdopen(os.dup(descriptor), "w", encoding="ascii") as file:
        json.dump(fields, file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _secret(secret: bytes, given: ExitStack) -> int:
    """Read end of a pipe that holds the secret and then ends."""
    if len(secret) > _SECRET_MOST:
        raise SandboxError(f"sandbox: a secret of {len(secret)} bytes; at most {_SECRET_MOST} fit")
    with ExitStack() as writing:
        reader, writer = _pipe(given, writing)
        os.write(writer, secret)
    return reader


def _owners(request: SandboxRequest) -> list[tuple[int, int]]:
    """Owners of what root shows; an ordinary user maps none."""
    if os.geteuid():
        return []
    binds = [bind.source for bind in shown_binds(request)]
    shown = [request.tree, *request.layers, *binds, *find_bubblewrap().folders]
    found = [path.stat() for path in shown]
    return sorted({(each.st_uid, each.st_gid) for each in found})


def _fields(request: SandboxRequest, user: int) -> dict[str, object]:
    """The fields of ``plan.Plan`` but its descriptors, in types that JSON knows."""
    program, stage = find_bubblewrap(), find_stage()
    return {
        "user": user,
        "caller": [os.geteuid(), os.getegid()],
        "stage": stage,
        "tree": str(request.tree.absolute()),
        "layers": [str(path.absolute()) for path in request.layers],
        "binds": [str(bind.source.absolute()) for bind in shown_binds(request)],
        "program": [str(path) for path in program.folders],
        "program_names": program.names,
        "command": (program.command(stage), "--args", str(ARGUMENTS), "--", *request.argv),
        "arguments": bubblewrap_options(request, stage).hex(),
        "filter": filter_program().hex(),
        "disk": request.limits.disk_mb << 20,
        "inodes": request.limits.inodes,
        "limits": _resource_limits(request.limits),
    }


def _resource_limits(limits: Limits) -> tuple[tuple[int, int, int], ...]:
    memory = limits.memory_mb << 20
    wanted = {
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_DATA: memory,
        # Reserved but untouched memory is harmless, and threads reserve much of it.
        resource.RLIMIT_AS: 4 * memory,
        # Bubblewrap's own two come on top.
        resource.RLIMIT_NPROC: limits.processes + 2,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.disk_mb << 20,
        resource.RLIMIT_CORE: 0,
    }
    result = []
    for number, value in wanted.items():
        hard = resource.getrlimit(number)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # Soft below hard for the processor only: the signal tells the limit from a plain kill.
        spare = 1 if number == resource.RLIMIT_CPU and most == value and hard != value else 0
        result.append((number, most, most + spare))
    return tuple(result)
