"""The sandbox: from a request to a result.

The limits of what it promises stand in ``probe.LIMITS_OF_THE_SANDBOX``.
"""

from __future__ import annotations

import functools
import marshal
import os
import resource
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import CodeType

from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.sandbox import Limits, SandboxRequest, SandboxResult
from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox.arguments import bubblewrap_options, require_sound
from cra_pipeline.integrations.sandbox.locate import find_bubblewrap, find_stage, interpreter
from cra_pipeline.integrations.sandbox.plan import ARGUMENTS
from cra_pipeline.integrations.sandbox.seccomp import filter_program
from cra_pipeline.integrations.sandbox.supervise import Watch
from cra_pipeline.integrations.sandbox.users import sandbox_user

_PACKAGE = "cra_pipeline.integrations.sandbox"
# In the order of their imports; the last one has ``main``.
_LAUNCHER = ("kernel", "copying", "plan", "mounts", "launch")
# The launcher's modules come compiled, with the plan, so that nothing is searched or compiled.
_BOOT = (
    "import sys,marshal\n"
    "package,modules,plan=marshal.load(open(int(sys.argv[1]),'rb'))\n"
    "folder=sys.modules[package]=type(sys)(package)\n"
    "for name,code in modules:\n"
    " module=sys.modules[package+'.'+name]=type(sys)(name)\n"
    " setattr(folder,name,module)\n"
    " exec(code,module.__dict__)\n"
    "module.main(plan)\n"
)
_SECRET_MOST = 1 << 16


class BubblewrapSandbox(Sandbox):
    """Runs foreign code under bubblewrap, as root or as an ordinary user.

    The thread that calls ``run`` must live until it returns, which it does unless the whole
    pipeline ends: the kernel ends the sandbox with it.
    """

    def run(self, request: SandboxRequest) -> SandboxResult:
        """Run to the end or to a limit; safe to call from many threads.

        Raises:
            SandboxError: The request cannot be shown safely, or there is no bubblewrap here.
        """
        require_sound(request)
        started = time.monotonic()
        with sandbox_user() as user, ExitStack() as stack:
            watch = _start(request, user, started, stack)
            watch.follow()
            ending, code, cpu_s, detail = watch.judge()
        return SandboxResult(
            ending=ending,
            exit_code=code,
            channel=_kept(watch, "channel")[: request.limits.channel_bytes],
            stdout=_kept(watch, "stdout").decode(errors="replace"),
            stderr=_kept(watch, "stderr").decode(errors="replace"),
            wall_s=time.monotonic() - started,
            cpu_s=cpu_s,
            detail=detail,
        )


def _kept(watch: Watch, name: str) -> bytes:
    return watch.tails[name].kept() if name in watch.tails else b""


def _start(request: SandboxRequest, user: int, started: float, stack: ExitStack) -> Watch:
    """Start the launcher; ``stack`` closes every descriptor at the end."""
    pipes, theirs = {}, {}
    for name in ("stdout", "stderr", "report", *(["channel"] if request.channel else [])):
        pipes[name], theirs[name] = _pipe(stack)
    theirs["leash"], leash = _pipe(stack)
    theirs["secret"] = _secret(request.secret, stack) if request.secret else -1
    theirs.setdefault("channel", -1)
    fields = _fields(request, user, theirs)
    config = os.memfd_create("plan")
    stack.callback(os.close, config)
    with os.fdopen(os.dup(config), "wb") as file:
        marshal.dump((_PACKAGE, _modules(), fields), file)
    os.lseek(config, 0, os.SEEK_SET)
    handed = [theirs[name] for name in ("report", "channel", "leash", "secret")]
    guard = subprocess.Popen(
        [interpreter(), "-I", "-S", "-c", _BOOT, str(config)],
        stdin=subprocess.DEVNULL,
        stdout=theirs["stdout"],
        stderr=theirs["stderr"],
        pass_fds=[config, *(number for number in handed if number >= 0)],
        env={},
        cwd="/",
        start_new_session=True,
    )
    return Watch(guard=guard, leash=leash, pipes=pipes, limits=request.limits, started=started)


def _pipe(stack: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        stack.callback(os.close, end)
    return ends


def _secret(secret: bytes, stack: ExitStack) -> int:
    """Read end of a pipe that holds the secret and then ends."""
    if len(secret) > _SECRET_MOST:
        raise SandboxError(f"sandbox: a secret of {len(secret)} bytes; at most {_SECRET_MOST} fit")
    reader, writer = os.pipe()
    stack.callback(os.close, reader)
    os.write(writer, secret)
    os.close(writer)
    return reader


@functools.cache
def _modules() -> tuple[tuple[str, CodeType], ...]:
    """The launcher's modules, compiled; the interpreter there is the one here."""
    pairs = []
    for short in _LAUNCHER:
        source = Path(__file__).with_name(f"{short}.py").read_bytes()
        pairs.append((short, compile(source, f"<{short}>", "exec", dont_inherit=True)))
    return tuple(pairs)


def _fields(request: SandboxRequest, user: int, theirs: dict[str, int]) -> dict[str, object]:
    """The fields of ``plan.Plan``, in types that marshal knows."""
    program, stage = find_bubblewrap(), find_stage()
    return {
        "parent": os.getpid(),
        "user": user,
        "stage": stage,
        "tree": str(request.tree.absolute()),
        "layers": tuple(str(path.absolute()) for path in request.layers),
        "binds": tuple(str(bind.source.absolute()) for bind in request.binds),
        "program": tuple(map(str, program.folders)),
        "program_names": program.names,
        "command": (program.command(stage), "--args", str(ARGUMENTS), "--", *request.argv),
        "arguments": bubblewrap_options(request, stage),
        "filter": filter_program(),
        "disk": request.limits.disk_mb << 20,
        "inodes": request.limits.inodes,
        "limits": _resource_limits(request.limits),
        **{name: theirs[name] for name in ("channel", "secret", "leash", "report")},
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
