"""Holds one foreign program: it ends, with all that it started, as soon as nobody wants it.

``python -I keeper.py SECONDS PROGRAM ARGUMENT...``. Nobody but the parent holds the other end of
the standard input, so the program ends with the parent, however that ends. Needs nothing but the
standard library, so that it starts in no time and weighs little.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1
_DIED = 128


def main() -> None:
    """Run the program until it ends or is not wanted any more; its status is this one's."""
    patience, command = float(sys.argv[1]), sys.argv[2:]
    held = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_keeper,  # noqa: PLW1509  # there is no thread yet
    )
    signal.signal(signal.SIGTERM, lambda *_: held.terminate())
    threading.Thread(target=_end_with_parent, args=(held, patience), daemon=True).start()
    status = held.wait()
    _end_group(held.pid)
    sys.exit(status if status >= 0 else _DIED - status)


def _die_with_keeper() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_parent(held: subprocess.Popen[bytes], patience: float) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    held.terminate()
    try:
        held.wait(patience)
    except subprocess.TimeoutExpired:
        _end_group(held.pid)


def _end_group(leader: int) -> None:
    """Also what the program started and left behind; it cannot have left its session unasked."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    main()
