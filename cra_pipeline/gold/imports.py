"""Which files of a change import which, and an order in which providers come first.

Read from the syntax tree; text that does not parse imports nothing.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cra_pipeline.gold.syntax import parsed

_ROOTS = ("src/", "lib/", "python/")
"""Folders that hold packages and belong to no module's name."""


def imported(path: str, text: str, among: Iterable[str]) -> frozenset[str]:
    """Which of the given files the text of ``path`` imports directly, itself left out."""
    names = {module: other for other in among for module in [_module(other)]}
    tree = parsed(text)
    if tree is None:
        return frozenset()
    found = {names[module] for module in _modules(path, tree) if module in names}
    return frozenset(found - {path})


def _module(path: str) -> str:
    stem = next((path.removeprefix(root) for root in _ROOTS if path.startswith(root)), path)
    return stem.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _modules(path: str, tree: ast.Module) -> Iterator[str]:
    """Dotted names that the import statements may mean, functions' own included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _start(path, node)
            yield start
            yield from (f"{start}.{alias.name}".lstrip(".") for alias in node.names)


def _start(path: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    folder = posixpath.dirname(path)
    for _ in range(node.level - 1):
        folder = posixpath.dirname(folder)
    package = _module(f"{folder}/__init__.py") if folder else ""
    return f"{package}.{node.module or ''}".strip(".")


def in_order(needs: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The files, providers before consumers and ``__init__.py`` last; cycles are cut by name."""
    left = sorted(needs, key=_rank)
    ordered: list[str] = []
    while left:
        waiting = {path for path in left if not _gathers(path)}
        ready = (path for path in left if not needs[path] & waiting - {path})
        chosen = next(ready, left[0])
        ordered.append(chosen)
        left.remove(chosen)
    return tuple(ordered)


def _rank(path: str) -> tuple[bool, str]:
    return _gathers(path), path


def _gathers(path: str) -> bool:
    """Whether the file mostly passes on what others define, and so comes after them."""
    return path.endswith("__init__.py")


def joined(groups: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Groups that share a member become one; members and groups sorted by name."""
    found: list[set[str]] = []
    for group in groups:
        touching = [other for other in found if other.intersection(group)]
        found = [other for other in found if other not in touching]
        found.append(set(group).union(*touching))
    return tuple(sorted(tuple(sorted(group)) for group in found if group))
