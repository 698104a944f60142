"""Stand-alone script beside the agent: its test command, answered from elsewhere.

It sends how the working tree differs from the prepared base, committed or not, prints what the
tests printed, and ends with their status. No test runs here: what a model wrote is run in a sandbox
of its own. It is run by the agent's base interpreter, so it needs only the standard library.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path("/repo")
_DESK = "/tests/socket"
_ORDERS = Path("/cra/orders.json")
_CHUNK = 1 << 16


def git(*arguments: str) -> list[str]:
    """Paths that git prints, each ended by a NUL.

    Raises:
        SystemExit: It fails; its own words say why.
        UnicodeDecodeError: A path is no UTF-8.
    """
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"git {arguments[0]} ended with status {done.returncode}: nothing was tested")
    return done.stdout.decode().split("\0")[:-1]


def working_tree(base: str) -> dict[str, bytes | None]:
    """Content by path of what differs from ``base`` on disk; None where it is gone.

    Raises:
        SystemExit: Something there is neither a file nor gone.
    """
    options = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=all")
    names = git("diff", *options, base, "--")
    names += git("ls-files", "-z", "--others", "--exclude-standard")
    return {name: content(ROOT / name) for name in sorted(set(names))}


def content(place: Path) -> bytes | None:
    """What an ordinary file holds; None where there is none.

    Raises:
        SystemExit: There is something else, such as a link.
    """
    try:
        kind = place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(kind):
        # A file whose name a folder has now.
        return None
    if not stat.S_ISREG(kind):
        sys.exit(f"{place.relative_to(ROOT)} is no ordinary file: nothing was tested")
    return place.read_bytes()


def packed(files: dict[str, bytes | None]) -> bytes:
    """A line that says what follows, then the pieces."""
    changed = {name: text for name, text in files.items() if text is not None}
    head = {
        "changed": list(changed),
        "deleted": sorted(set(files) - set(changed)),
        "sizes": [len(text) for text in changed.values()],
    }
    return b"".join([json.dumps(head).encode(), b"\n", *changed.values()])


def asked(data: bytes) -> bytes:
    """The answer: a status on the first line, and what the tests printed."""
    received = b""
    with socket.socket(socket.AF_UNIX) as desk:
        desk.connect(_DESK)
        # Who is not heard out has an answer all the same.
        with contextlib.suppress(OSError):
            desk.sendall(data)
            desk.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while piece := desk.recv(_CHUNK):
                received += piece
    return received


def main() -> None:
    """Have the working tree tested and end with the status of its tests."""
    base = json.loads(_ORDERS.read_bytes())["base"]
    status, newline, output = asked(packed(working_tree(base))).partition(b"\n")
    if not newline:
        sys.exit("the tests were not answered: nothing was tested")
    sys.stdout.buffer.write(output)
    sys.stdout.buffer.flush()
    os._exit(int(status))


if __name__ == "__main__":
    main()
