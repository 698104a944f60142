"""Symbols of a Python file: functions, methods, classes, names of the module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Found:
    """One symbol, lines from 1 and inclusive, decorators with it."""

    name: str
    kind: str
    start: int
    stop: int
    signature: str
    docstring: str


def found_in(text: str) -> tuple[list[Found], list[str]]:
    """Symbols in the order of the file, and dotted names of imported modules.

    A relative import begins with its dots. A file that cannot be parsed has neither.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return [], []
    return list(_symbols(tree, text.split("\n"), inner="function")), list(_imports(tree))


def _symbols(node: ast.AST, lines: list[str], inner: str) -> Iterator[Found]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*_Function, ast.ClassDef)):
            kind = "class" if isinstance(child, ast.ClassDef) else inner
            start = min([child.lineno, *(item.lineno for item in child.decorator_list)])
            yield Found(
                name=child.name,
                kind=kind,
                start=start,
                stop=child.end_lineno or child.lineno,
                signature=lines[child.lineno - 1].strip(),
                docstring=ast.get_docstring(child) or "",
            )
            yield from _symbols(child, lines, "method" if kind == "class" else "function")
        elif isinstance(child, ast.Assign | ast.AnnAssign) and isinstance(node, ast.Module):
            yield from _names(child, lines)
        elif isinstance(child, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from _symbols(child, lines, inner)


def _names(node: ast.Assign | ast.AnnAssign, lines: list[str]) -> Iterator[Found]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name):
            signature = lines[node.lineno - 1].strip()
            yield Found(
                target.id, "variable", node.lineno, node.end_lineno or node.lineno, signature, ""
            )


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            dot = "" if module.endswith(".") else "."
            yield from (f"{module}{dot}{item.name}" for item in node.names)
