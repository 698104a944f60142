"""Modules and code that are asked for by a name in a string, or by a number. Pure.

``importlib.import_module("ctypes")`` is an import like any other; a name that is computed can be
any name, so it is found unless it can only lead into the project itself.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

_IMPORTERS = frozenset({"importlib.import_module", "__import__", "importlib.__import__"})
_OPENERS = frozenset({"open", "io.open", "os.fdopen", "builtins.open"})
_OWN_NAMES = frozenset({"__name__", "__package__"})
_PACKAGE = 1
"""Position of the package that a relative name starts from."""


def named_modules(name: str, call: ast.Call) -> Iterator[str]:
    """Constant module names that a call imports.

    Args:
        name: The called function, resolved.
        call: The call.
    """
    if name not in _IMPORTERS:
        return
    first = _argument(call, 0, "name")
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield first.value


def computes_module(name: str, call: ast.Call, own: Collection[str]) -> bool:
    """Whether a call imports a module whose name is computed and may lie outside the project.

    Args:
        name: The called function, resolved.
        call: The call.
        own: Names of the project's packages.
    """
    if name not in _IMPORTERS:
        return False
    first = _argument(call, 0, "name")
    if isinstance(first, ast.Constant):
        return False
    start = _start(first)
    if isinstance(start, ast.Constant) and isinstance(start.value, str):
        if start.value.startswith("."):
            return not _is_known(_argument(call, _PACKAGE, "package"))
        head, dot, _ = start.value.partition(".")
        return not (dot and head in own)
    return start is first or not _is_own_name(start)


def _argument(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg == keyword), None)


def _start(node: ast.expr | None) -> ast.expr | None:
    """What a computed text begins with."""
    while True:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            node = node.left
        elif isinstance(node, ast.JoinedStr) and node.values:
            node = node.values[0]
        elif isinstance(node, ast.FormattedValue) and node.format_spec is None:
            node = node.value
        else:
            return node


def _is_own_name(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Name) and node.id in _OWN_NAMES


def _is_known(package: ast.expr | None) -> bool:
    """A constant package is judged as a text of its own."""
    return package is None or isinstance(package, ast.Constant) or _is_own_name(package)


def computes_loaded(owner: str, key: ast.expr) -> bool:
    """Whether ``sys.modules`` is asked for a name that is put together on the spot."""
    return owner == "sys.modules" and isinstance(key, ast.BinOp | ast.JoinedStr)


def opens_number(name: str, call: ast.Call) -> bool:
    """Whether a call opens a descriptor by its number instead of a file by its name."""
    if name not in _OPENERS:
        return False
    first = _argument(call, 0, "file")
    kept_open = any(each.arg == "closefd" for each in call.keywords)
    return kept_open or (first is not None and _is_number(first))


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) and _is_number(node.right)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "int"
    return isinstance(node, ast.Constant) and isinstance(node.value, int)
