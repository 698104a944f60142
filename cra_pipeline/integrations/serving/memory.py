"""Memory of server processes, as far as this machine tells."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import psutil

from cra_pipeline.integrations.gateway.listening import is_loopback


def resident_bytes(processes: Iterable[int]) -> int | None:
    """Resident memory of processes and all their children; None where none of them lives."""
    found: dict[int, int] = {}
    for number in processes:
        try:
            top = psutil.Process(number)
            for process in (top, *top.children(recursive=True)):
                found[process.pid] = process.memory_info().rss
        except psutil.Error:
            continue
    return sum(found.values()) if found else None


def listener_of(url: str) -> tuple[int, ...]:
    """Processes of this user that listen at an address of this machine; often none are told."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not (host == "localhost" or is_loopback(host)):
        return ()
    try:
        found = psutil.net_connections("tcp")
    except psutil.Error:
        return ()
    listeners = {
        item.pid
        for item in found
        if item.status == psutil.CONN_LISTEN and item.laddr and item.laddr[1] == parts.port
    }
    return tuple(sorted(number for number in listeners if number))
