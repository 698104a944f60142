"""Python source read into its tree, from as many threads as there are."""

from __future__ import annotations

import ast
import threading

_ONE_AT_A_TIME = threading.Lock()


def parse_python(text: str | bytes) -> ast.Module:
    """``ast.parse`` for programs with threads.

    CPython 3.11 counts how deep a tree under construction is in one place for all threads. A
    switch in the midst, as garbage collection may bring about, ends in a ``SystemError`` ("AST
    constructor recursion depth mismatch") that has nothing to do with the text.

    Raises:
        SyntaxError: The text is no Python.
        ValueError: It holds a NUL.
        RecursionError: It is nested too deeply.
        MemoryError: As well.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(text)
