"""An unprivileged user of its own for every sandbox that root starts."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.errors import SandboxError

# systemd's table of user numbers leaves this range to nobody; it lies within the 65536 that a
# container maps.
_FIRST, _LAST = 60578, 61183

ORDINARY = -1
"""The caller is an ordinary user, and the sandbox runs as that user."""


@contextmanager
def sandbox_user() -> Iterator[int]:
    """Number of a user that no other sandbox of this machine has, or ``ORDINARY``.

    Limits on processes count per user, so two sandboxes must not share one. The claim is an
    abstract socket: it leaves no file, and a kill of the pipeline frees it.

    Raises:
        SandboxError: All numbers are taken.
    """
    if os.geteuid() or not _all_mapped(Path("/proc/self/uid_map").read_text(encoding="ascii")):
        yield ORDINARY
        return
    count = _LAST - _FIRST + 1
    with socket.socket(socket.AF_UNIX) as claim:
        for step in range(count):
            user = _FIRST + (os.getpid() + step) % count
            try:
                claim.bind(f"\0cra_pipeline-sandbox-{user}")
            except OSError:
                continue
            yield user
            return
    raise SandboxError(
        f"sandbox: all {count} users from {_FIRST} to {_LAST} are taken; run fewer sandboxes "
        "at a time"
    )


def _all_mapped(uid_map: str) -> bool:
    """Whether root here may become any of the range: in a small user namespace it may not."""
    lines = [tuple(map(int, line.split())) for line in uid_map.splitlines()]
    return any(inner <= _FIRST and inner + size > _LAST for inner, _, size in lines)
