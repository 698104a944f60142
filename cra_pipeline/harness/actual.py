"""What a change really did: files, symbols, and which changed file needs which other. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from cra_pipeline.diffs import changes, lines_of
from cra_pipeline.harness.rendering import code_only
from cra_pipeline.harness.suspects import parsed

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualChange:
    """A change as plans are measured against it.

    Attributes:
        files: Paths that differ.
        symbols: Path and qualified name, such as ``Cart.total``, of the innermost function,
            method or class around each changed line; lines outside of all count for none.
        dependencies: Pairs of changed files, provider first: the second imports the first.
        unindexed: The same for what the agent's index leaves out, so that a plan may name it but
            need not: module-level assignments, and definitions under ``if``, ``try`` and the like.
    """

    files: frozenset[str]
    symbols: frozenset[tuple[str, str]]
    dependencies: frozenset[tuple[str, str]]
    unindexed: frozenset[tuple[str, str]] = frozenset()


def actual_change(before: Mapping[str, str], after: Mapping[str, str]) -> ActualChange:
    """What lies between two versions of some files; documents are left out.

    A text that does not parse has no symbols and imports nothing.

    Args:
        before: Earlier text by path; added files are absent.
        after: Later text by path; deleted files are absent.
    """
    old, new = code_only(before), code_only(after)
    files = frozenset(path for path in {*old, *new} if old.get(path) != new.get(path))
    found = [
        (path, *changed_names(old.get(path, ""), new.get(path, "")))
        for path in files
        if path.endswith(".py")
    ]
    return ActualChange(
        files=files,
        symbols=frozenset((path, name) for path, symbols, _ in found for name in symbols),
        unindexed=frozenset((path, name) for path, _, others in found for name in others),
        dependencies=frozenset(_dependencies({path: new[path] for path in files if path in new})),
    )


def changed_names(before: str, after: str) -> tuple[frozenset[str], frozenset[str]]:
    """Indexed and unindexed symbols whose lines differ, of either version.

    What stands inside a function belongs to that function; blank lines belong to nothing.
    """
    found = changes(before, after)
    old = _owners(before, (line for change in found for line in change.old))
    new = _owners(after, (line for change in found for line in change.new))
    owners = {*old, *new}
    return (
        frozenset(name for name, indexed in owners if indexed),
        frozenset(name for name, indexed in owners if not indexed),
    )


def _owners(text: str, numbers: Iterable[int]) -> Iterator[tuple[str, bool]]:
    """Qualified name of what each line (from 0) belongs to, and whether the agent indexes it."""
    lines, tree = lines_of(text), parsed(text)
    # Innermost last: an outer symbol comes before what it holds.
    spans = [*_constants(tree), *_definitions(tree.body, "", indexed=True)]
    for number in numbers:
        around = [span for span in spans if span.first <= number + 1 <= span.last]
        if around and lines[number].strip():
            yield around[-1].name, around[-1].indexed


class _Span(NamedTuple):
    first: int
    last: int
    name: str
    indexed: bool


def _constants(tree: ast.Module) -> Iterator[_Span]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield _Span(node.lineno, node.end_lineno or node.lineno, target.id, False)


def _definitions(nodes: Iterable[ast.AST], prefix: str, *, indexed: bool) -> Iterator[_Span]:
    """Functions, methods and classes; decorators belong to what they decorate."""
    for node in nodes:
        if isinstance(node, _DEFINITIONS):
            name = f"{prefix}{node.name}"
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            yield _Span(first, node.end_lineno or node.lineno, name, indexed)
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, f"{name}.", indexed=indexed)
        elif not isinstance(node, ast.expr):
            yield from _definitions(ast.iter_child_nodes(node), prefix, indexed=False)


def _dependencies(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    by_module = {module_name(path): path for path in sorted(files) if path.endswith(".py")}
    for path in by_module.values():
        for candidates in _imports(path, files[path]):
            provider = next((by_module[name] for name in candidates if name in by_module), path)
            if provider != path:
                yield provider, path


def module_name(path: str) -> str:
    """Dotted name under which a file is imported, ``src/`` and ``__init__`` left out."""
    parts = PurePosixPath(path.removeprefix("src/")).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1:] == ("__init__",) else parts)


def _imports(path: str, text: str) -> Iterator[tuple[str, ...]]:
    """Modules that each imported name may mean, the likeliest first.

    ``from pkg import name`` means the module ``pkg.name`` where there is one, and only otherwise
    the package: taking both would make circles of packages and their modules.
    """
    package = module_name(path).split(".")
    if PurePosixPath(path).name != "__init__.py":
        package.pop()
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{origin}.{alias.name}".lstrip("."), origin) for alias in node.names)
