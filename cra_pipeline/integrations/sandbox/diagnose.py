"""Why this machine refuses a sandbox: the switches that are known to forbid it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Switch:
    path: str
    forbids: str
    remedy: str


_SWITCHES = (
    _Switch(
        "/proc/sys/user/max_user_namespaces",
        "0",
        "as root: sysctl -w user.max_user_namespaces=15000",
    ),
    _Switch(
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "as root: sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    _Switch(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
_SYS_ADMIN = 21


def refusal(root: Path = Path("/")) -> str | None:
    """What was found, what was expected and what mends it; None when nothing known forbids it.

    Args:
        root: Below which the switches are read.
    """
    for switch in _SWITCHES:
        path = root / switch.path[1:]
        found = path.read_text(encoding="ascii").strip() if path.exists() else ""
        if found == switch.forbids:
            return (
                f"{switch.path} is {found}, so no user namespace can be made; expected another "
                f"value; {switch.remedy}"
            )
    if os.geteuid() == 0 and not _may_mount(root / "proc/self/status"):
        return (
            "this root lacks CAP_SYS_ADMIN, as in a container; expected the right to mount: run "
            "as an ordinary user, or start the container with --cap-add SYS_ADMIN "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        )
    return None


def _may_mount(status: Path) -> bool:
    for line in status.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> _SYS_ADMIN & 1)
    return False
