"""The launcher: one process on its way from the nursery to bubblewrap.

It is born as the first process of a process namespace: when it ends, however early or late, the
kernel ends all that descends from it, and only then does it count as ended. So no kill, of it or
of whoever watches it, leaves a process behind.

Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
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

_KEPT_ABOVE = 20
_LAST_STANDARD = 2

OwnerMaps = dict[tuple[int, int], int]
"""Descriptor of the user namespace that maps an owner to the sandbox's user, by owner."""


def namespaces(user: int) -> int:
    """Flags of the namespaces that a launcher is born into; see ``Plan.user``."""
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID
    return flags | kernel.CLONE_NEWUSER if user < 0 else flags


def main(plan: Plan, maps: OwnerMaps, lifeline: int, status: int) -> None:
    """Turn into bubblewrap; every failure ends this process with a reported reason.

    Args:
        plan: The run.
        maps: For root; empty for an ordinary user, who owns the tree.
        lifeline: Read end of a pipe that ends when the nursery does.
        status: Where bubblewrap says whether the command ran.
    """
    try:
        kernel.die_with_parent()
        _keep_descriptors_private()
        os.setsid()
        os.umask(0o022)
        if plan.user < 0:
            _own_identity(plan)
        _report(plan, f"tree {set_stage(plan, Sources(plan, maps))}")
        # When memory runs out on the host, the sandbox is what goes.
        _write("/proc/self/oom_score_adj", "1000")
        if plan.user >= 0:
            _drop_root(plan.user)
        _require_nursery(lifeline)
        for number, soft, hard in plan.limits:
            resource.setrlimit(number, (soft, hard))
        kernel.forbid_new_privileges()
        kernel.default_signals()
        _place_descriptors(plan, status)
        os.execve(plan.command[0], plan.command, {})  # noqa: S606  # no shell is what is wanted
    except OSError as error:
        _report(plan, f"error {error}")


def _keep_descriptors_private() -> None:
    """Let no descriptor pass to the next program but those that are put into place for it.

    Descriptors that came through a socket or by inheritance would, the nursery's own among them.
    """
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # names are what is wanted
        # The listing's own is closed by now.
        with contextlib.suppress(OSError):
            os.set_inheritable(int(name), int(name) <= _LAST_STANDARD)


def _own_identity(plan: Plan) -> None:
    """Be in the new user namespace who one was outside."""
    user, group = plan.caller
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")


def _drop_root(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # A change of user forgets it.
    kernel.die_with_parent()


def _require_nursery(lifeline: int) -> None:
    """End if the nursery died before ``die_with_parent`` could see it; it never writes."""
    os.set_blocking(lifeline, False)
    try:
        os.read(lifeline, 1)
    except BlockingIOError:
        return
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


def _report(plan: Plan, words: str) -> None:
    os.write(plan.report, (words.replace("\n", " ") + "\n").encode(errors="replace"))


def _write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="ascii")
