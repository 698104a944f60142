"""Processes that are killed before the n-th thing that they do to the world.

Everything that lasts goes through a rename, a new folder, a removed file or an SQL statement; each
of them is a step, and so every boundary between two steps of ours is one of theirs.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from typing import Any

_LASTING = frozenset({"os.rename", "os.mkdir", "os.remove", "os.rmdir"})
_WORDS = ("COMMIT", "INSERT", "UPDATE", "PRAGMA JOURNAL_MODE =")


def killed_before(step: int, act: Callable[[], object]) -> bool:
    """Run an act in a process of its own, killed before a step.

    Args:
        step: From 0.
        act: What it does.

    Returns:
        Whether it was killed; False where it ended before.
    """
    child = os.fork()
    if child == 0:
        _run(step, act)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the act failed in its process: see its standard error"
    return False


def _run(step: int, act: Callable[[], object]) -> None:
    left = step

    def count() -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def statement(sql: str) -> None:
        if sql.lstrip().upper().startswith(_WORDS):
            count()

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        del arguments
        if event in _LASTING:
            count()

    really = sqlite3.connect

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401  # as there
        connection: sqlite3.Connection = really(*arguments, **options)
        connection.set_trace_callback(statement)
        return connection

    try:
        sys.addaudithook(hear)
        sqlite3.connect = connect  # type: ignore[assignment]  # in the child alone
        act()
    except BaseException:  # noqa: BLE001  # nothing may reach the parent's own frames
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
