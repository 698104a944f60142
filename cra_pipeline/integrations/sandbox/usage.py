"""Memory and processor time of all processes of a sandbox, read from ``/proc``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGESIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all that descend from it use now.

    Attributes:
        memory: Bytes; pages that several share count for each.
        cpu_s: Processor time, ended children included.
        processes: Their ids.
    """

    memory: int
    cpu_s: float
    processes: tuple[int, ...]


def process_id(descriptor: int) -> int:
    """Number of the process that a descriptor from ``pidfd_open`` names; -1 when it has ended."""
    for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    return -1


def measure(root: int) -> Usage:
    """Read the usage of ``root`` and its descendants; processes that end meanwhile are left out."""
    memory, ticks, seen = 0, 0, []
    waiting = [root]
    while waiting:
        process = waiting.pop()
        try:
            # Of the fields behind the name: 11-14 are processor times, 21 is resident pages.
            fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
            waiting += _children(process)
        except (FileNotFoundError, ProcessLookupError):
            continue
        seen.append(process)
        ticks += sum(map(int, fields[11:15]))
        memory += int(fields[21]) * _PAGE
    return Usage(memory=memory, cpu_s=ticks / _TICKS, processes=tuple(seen))


def fair_memory(processes: tuple[int, ...]) -> int:
    """Bytes where pages that several share count once; dear, so asked only near the limit."""
    return sum(map(_share, processes))


def _share(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_bytes().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except PermissionError:
        # It has hidden itself: then everything it shows is its own.
        return measure_one(process)
    for line in lines:
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def measure_one(process: int) -> int:
    """Resident bytes of one process; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _children(process: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        try:
            words = (thread / "children").read_bytes().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += map(int, words)
    return found
