"""Becomes an ordinary user and executes a command, or answers sandbox requests.

Started by root as a process of its own. Where folders above the interpreter or the workspace are
closed to others, it lays an empty one over the topmost of them, in its own mount namespace, and
shows only what is needed at the old path: so the user sees what it would on its own machine.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cra_pipeline.integrations.sandbox import kernel

USER = 1500


def reveal(paths: list[Path]) -> None:
    """Make each path reachable for everybody, here only."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    opened = {path: os.open(path, os.O_PATH) for path in paths}
    covered: set[Path] = set()
    for path in paths:
        closed = [folder for folder in path.parents if not folder.stat().st_mode & 1]
        if closed and not covered & set(path.parents):
            kernel.mount("cover", str(closed[-1]), "tmpfs", 0, "mode=0755")
            covered.add(closed[-1])
    for path, descriptor in opened.items():
        if covered & set(path.parents):
            path.mkdir(parents=True, exist_ok=True)
            source = f"/proc/self/fd/{descriptor}"
            kernel.mount(source, str(path), None, kernel.MS_BIND | kernel.MS_REC)


def become(user: int) -> None:
    """Drop root for good; a process that was root stays hidden from itself until it executes."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def serve() -> None:
    """Answer requests: one JSON line in, one out."""
    from cra_pipeline.contracts.sandbox import SandboxRequest
    from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox

    sandbox = BubblewrapSandbox()
    for line in sys.stdin:
        result = sandbox.run(SandboxRequest.parse_json(line, where="request"))
        sys.stdout.write(result.canonical_json() + "\n")
        sys.stdout.flush()


def main() -> None:
    """Without arguments, serve; else ``PATH... -- COMMAND...``."""
    if len(sys.argv) == 1:
        serve()
        return
    split = sys.argv.index("--")
    reveal([Path(name) for name in sys.argv[1:split]])
    become(USER)
    command = sys.argv[split + 1 :]
    os.execv(command[0], command)  # noqa: S606  # no shell is what is wanted


if __name__ == "__main__":
    main()
