"""The launcher: from a plan to bubblewrap, and the guard that ends it.

It runs outside the pipeline's process, because namespaces, users and limits belong to a whole
process. Two processes remain of it: the guard (this one), which waits for the run's end or for
the pipeline's word, and bubblewrap, which is the first process of a process namespace: when it
goes, the kernel ends all that descends from it. So no kill, however early and of whichever of
them, leaves a process behind.

Standard library only.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
from pathlib import Path

from cra_pipeline.integrations.sandbox import kernel
from cra_pipeline.integrations.sandbox.mounts import Sources, set_stage
from cra_pipeline.integrations.sandbox.plan import (
    ARGUMENTS,
    CHANNEL,
    FILTER,
    SECRET,
    STATUS,
    Plan,
)

_SIGKILL = 9
_KEPT_ABOVE = 20


def main(fields: dict[str, object]) -> None:
    """Carry out a plan and report its end in words that ``supervise`` reads.

    Args:
        fields: The plan's fields.
    """
    plan = Plan(fields)
    nursery = os.getppid()
    kernel.die_with_parent()
    if os.getppid() != nursery:
        return
    os.setsid()
    try:
        status = os.memfd_create("status")
        way = _prepare(plan)
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(theirs)
            _become(plan, ours, status)
    except OSError as error:
        _report(plan, f"error {error}")
        return
    _report(plan, f"tree {way}")
    _report(plan, f"child {child}")
    _guard(plan, child, status)


def _prepare(plan: Plan) -> str:
    """Namespaces and mounts; says how the tree became writable."""
    os.umask(0o022)
    if plan.user < 0:
        user, group = os.getuid(), os.getgid()
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
        return set_stage(plan, Sources(plan))
    kernel.unshare(kernel.CLONE_NEWNS)
    # Owner maps need a child for a moment, and the first child after the next step is special.
    sources = Sources(plan)
    kernel.unshare(kernel.CLONE_NEWPID)
    return set_stage(plan, sources)


def _become(plan: Plan, guard: int, status: int) -> None:
    """Turn into bubblewrap; every failure ends this process with a reported reason."""
    try:
        # When memory runs out on the host, the sandbox is what goes.
        _write("/proc/self/oom_score_adj", "1000")
        if plan.user >= 0:
            os.setgroups([])
            os.setresgid(plan.user, plan.user, plan.user)
            os.setresuid(plan.user, plan.user, plan.user)
        kernel.die_with_parent()
        # The guard never writes: an end of file says that it has died before this point.
        os.set_blocking(guard, False)
        try:
            os.read(guard, 1)
            os._exit(1)
        except BlockingIOError:
            pass
        os.setsid()
        for number, soft, hard in plan.limits:
            resource.setrlimit(number, (soft, hard))
        kernel.forbid_new_privileges()
        kernel.default_signals()
        _place_descriptors(plan, status)
        os.execve(plan.command[0], plan.command, {})  # noqa: S606  # no shell is what is wanted
    except OSError as error:
        _report(plan, f"error {error}")
    finally:
        os._exit(1)


def _place_descriptors(plan: Plan, status: int) -> None:
    """Give every descriptor the number that the options promise; all others close at exec."""
    wanted = {
        CHANNEL: plan.channel,
        SECRET: plan.secret,
        ARGUMENTS: _in_memory(plan.arguments),
        FILTER: _in_memory(plan.filter),
        STATUS: status,
    }
    # First out of the way of one another, then into place.
    moved = {
        place: fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _KEPT_ABOVE)
        for place, number in wanted.items()
        if number >= 0
    }
    plan.report = fcntl.fcntl(plan.report, fcntl.F_DUPFD_CLOEXEC, _KEPT_ABOVE)
    for place, number in moved.items():
        os.dup2(number, place, inheritable=True)


def _in_memory(digits: str) -> int:
    descriptor = os.memfd_create("options")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(bytes.fromhex(digits))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _guard(plan: Plan, child: int, status: int) -> None:
    """Wait until bubblewrap has ended or the pipeline lets go of the leash."""
    for descriptor in (plan.channel, plan.secret):
        if descriptor >= 0:
            os.close(descriptor)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    poll = select.poll()
    poll.register(plan.leash, select.POLLIN)
    poll.register(os.pidfd_open(child), select.POLLIN)
    ready = [descriptor for descriptor, _ in poll.poll()]
    if plan.leash in ready:
        os.kill(child, _SIGKILL)
    _, code, usage = os.wait4(child, 0)
    ran = b'"exit-code"' in os.pread(status, 4096, 0)
    microseconds = int((usage.ru_utime + usage.ru_stime) * 1_000_000)
    _report(plan, f"end {os.waitstatus_to_exitcode(code)} {microseconds} {int(ran)}")


def _report(plan: Plan, words: str) -> None:
    os.write(plan.report, (words.replace("\n", " ") + "\n").encode(errors="replace"))


def _write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="ascii")
