"""How much memory and how many processors work on this machine may take now."""

from __future__ import annotations

import os
from pathlib import Path

_NO_LIMIT = 1 << 60
"""Control groups of the first version write a huge number for none."""


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def available_mb(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that can be had without swapping: caches that the system would give up count too.

    The least of what the machine has and what each control group around this process leaves.

    Args:
        proc: The process file system.
        groups: Where control groups are mounted.
    """
    lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
    told = dict(line.split(":", 1) for line in lines)
    machine = int(told["MemAvailable"].split()[0]) << 10
    return min((machine, *_left_in_groups(proc, groups))) >> 20


def _left_in_groups(proc: Path, groups: Path) -> list[int]:
    """Bytes that each limited control group leaves, from the innermost to the root."""
    found: list[int] = []
    for line in (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mount, names = groups, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            mount = groups / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        inner = mount / path.lstrip("/")
        # In a container the path may be the host's: the mount itself is then the group.
        found += [
            _left(folder, *names) for folder in (inner, *inner.parents) if _within(folder, mount)
        ]
    return [left for left in found if left < _NO_LIMIT]


def _within(folder: Path, mount: Path) -> bool:
    return folder == mount or mount in folder.parents


def _left(folder: Path, limit_name: str, usage_name: str, cache_name: str) -> int:
    try:
        limit = (folder / limit_name).read_text(encoding="ascii").strip()
        used = int((folder / usage_name).read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii")
    except (FileNotFoundError, NotADirectoryError):
        return _NO_LIMIT
    if limit == "max" or int(limit) >= _NO_LIMIT:
        return _NO_LIMIT
    caches = dict(line.split() for line in stat.splitlines())
    return max(0, int(limit) - used + int(caches.get(cache_name, "0")))
