"""What the pipeline tells the launcher: plain values, and the places both sides know.

Read on both sides, so standard library only.
"""

from __future__ import annotations

CHANNEL = 3
"""Descriptor of the result pipe inside the sandbox."""
SECRET = 4
"""Descriptor of the secret inside the sandbox."""
ARGUMENTS = 10
"""Descriptor from which bubblewrap reads its options."""
FILTER = 11
"""Descriptor from which bubblewrap reads the system-call filter."""
STATUS = 12
"""Descriptor on which bubblewrap says whether the command ran."""


class Plan:
    """One run, as it crosses from the pipeline to the launcher as JSON."""

    user: int
    """The unprivileged user and group to become; -1 where the pipeline is an ordinary user."""
    caller: tuple[int, int]
    """User and group of the pipeline."""
    stage: str
    """Existing folder over which the launcher mounts its tmpfs, in its own namespace."""
    tree: str
    layers: list[str]
    """Host folders over the tree, the last one wins."""
    binds: list[str]
    """Host paths to show read-only at ``<stage>/bind/<number>``."""
    program: list[str]
    """Host folders of bubblewrap and its library, shown below ``<stage>/program``; may be empty."""
    program_names: list[str]
    """Where below ``<stage>/program`` each of them appears."""
    command: list[str]
    """What is executed: bubblewrap, its visible options, the command."""
    arguments: str
    """Bubblewrap's other options, each ended by a NUL, as hexadecimal digits."""
    filter: str
    """The system-call filter, as hexadecimal digits."""
    disk: int
    """Bytes of the tmpfs."""
    inodes: int
    """Files of the tmpfs."""
    limits: list[tuple[int, int, int]]
    """RLIMIT number, soft and hard limit."""
    channel: int
    """Descriptor of the result pipe's write end, or -1."""
    secret: int
    """Descriptor of the secret's read end, or -1."""
    report: int
    """Descriptor of the pipe to the pipeline's supervisor."""

    def __init__(self, fields: dict[str, object]) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
