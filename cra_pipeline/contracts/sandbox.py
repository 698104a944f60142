"""What goes into the sandbox and what comes out."""

from __future__ import annotations

import enum
from pathlib import Path

from cra_pipeline.contracts.record import Record


class Limits(Record):
    """What one run may use; reaching one is reported in ``SandboxResult.ending``."""

    wall_s: float = 300.0
    cpu_s: int = 300
    memory_mb: int = 2048
    processes: int = 256
    disk_mb: int = 512
    """Size of the writable layer over tree, ``/tmp`` and home together."""
    inodes: int = 65536
    open_files: int = 1024
    output_bytes: int = 1 << 20
    """Kept tail of stdout and of stderr, each; the rest is read and thrown away."""
    channel_bytes: int = 64 << 20
    """Most that may arrive on the result channel."""


class Bind(Record):
    """A read-only view of a host path."""

    source: Path
    target: str
    """Absolute path inside; never below the tree."""


class SandboxRequest(Record):
    """One process with no network, no view of the host and a throw-away tree at ``/repo``."""

    argv: tuple[str, ...]
    """Executed inside; paths are inside paths."""
    tree: Path
    """Host folder shown at ``/repo``, writable inside, unchanged outside."""
    layers: tuple[Path, ...] = ()
    """Host folders laid over the tree, the last one wins; they may add and replace files."""
    binds: tuple[Bind, ...] = ()
    sockets: tuple[Bind, ...] = ()
    """Unix sockets of ours to which the inside may connect: its only way out, so hand it one
    that answers this run alone. The file must be writable for all."""
    env: tuple[tuple[str, str], ...] = ()
    """The whole environment; nothing is inherited."""
    cwd: str = "/repo"
    secret: bytes = b""
    """Readable once by the process on the descriptor named in ``CRA_SECRET_FD``; never on disk."""
    channel: bool = False
    """Whether a result pipe is inherited, its descriptor named in ``CRA_CHANNEL_FD``."""
    limits: Limits = Limits()


class Ending(enum.StrEnum):
    """How a sandboxed process ended."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    CHANNEL_FLOODED = "channel_flooded"
    NOT_STARTED = "not_started"
    """The sandbox itself failed: an infrastructure failure, never the tests' fault."""


class SandboxResult(Record):
    """Evidence of one run; times are for sidecars and never enter a content id."""

    ending: Ending
    exit_code: int
    """Exit status, or minus the signal number."""
    channel: bytes
    stdout: str
    """Tail, undecodable bytes replaced."""
    stderr: str
    wall_s: float
    cpu_s: float
    detail: str
    """For a person: what limit was reached, or why the sandbox did not start."""
