"""What the sandbox can do on this machine, for ``doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.sandbox import Ending, Limits, SandboxRequest
from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox.bubblewrap import run_and_tell
from cra_pipeline.integrations.sandbox.locate import find_bubblewrap
from cra_pipeline.integrations.sandbox.users import ORDINARY, sandbox_user

LIMITS_OF_THE_SANDBOX = (
    "Memory is measured ten times a second: a burst may pass its limit for a moment.",
    "Memory that no process shows, such as full sockets, is not counted.",
    "When the machine itself runs out of memory, the kernel ends the sandbox first.",
    "The machine's programs and libraries below /usr are visible, read-only.",
    "Exit codes from 129 to 192 are read as signals: bubblewrap reports both alike.",
)
"""For a person, one sentence or two each."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A sandbox that ran.

    Attributes:
        program: Which bubblewrap, with its version.
        runs_as: ``unprivileged user`` when started as root, else ``this user``.
        tree: ``overlay``, or ``copy`` where the kernel cannot overlay and large trees cost time.
        start_s: Seconds from the request to the end of a command that does nothing.
    """

    program: str
    runs_as: str
    tree: str
    start_s: float


def probe() -> Probe:
    """Run a command that does nothing, twice: the first start loads what later ones share.

    Raises:
        SandboxError: It did not run; the message says what was found and what mends it.
    """
    program = find_bubblewrap()
    request = SandboxRequest(
        argv=("/usr/bin/true",), tree=Path(__file__).parent, limits=Limits(wall_s=30.0)
    )
    run_and_tell(request)
    result, tree = run_and_tell(request)
    if result.ending is not Ending.EXITED or result.exit_code:
        raise SandboxError(
            f"sandbox: a command that does nothing ended as {result.ending.value} "
            f"({result.detail or result.stderr.strip()}); expected exit code 0; "
            f"try the same by hand: {program.path} --unshare-all --ro-bind / / true"
        )
    with sandbox_user() as user:
        runs_as = "this user" if user == ORDINARY else "unprivileged user"
    return Probe(
        program=f"{program.path} {program.version}",
        runs_as=runs_as,
        tree=tree,
        start_s=result.wall_s,
    )
