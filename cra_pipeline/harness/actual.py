"""What a change really did: files, symbols, and which changed file needs which other. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

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
    """

    files: frozenset[str]
    symbols: frozenset[tuple[str, str]]
    dependencies: frozenset[tuple[str, str]]


def actual_change(before: Mapping[str, str], after: Mapping[str, str]) -> ActualChange:
    """What lies between two versions of some files; documents are left out.

    A text that does not parse has no symbols and imports nothing.

    Args:
        before: Earlier text by path; added files are absent.
        after: Later text by path; deleted files are absent.
    """
    old, new = code_only(before), code_only(after)
    files = frozenset(path for path in {*old, *new} if old.get(path) != new.get(path))
    return ActualChange(
        files=files,
        symbols=frozenset(
            (path, name)
            for path in files
            if path.endswith(".py")
            for name in changed_symbols(old.get(path, ""), new.get(path, ""))
        ),
        dependencies=frozenset(_dependencies({path: new[path] for path in files if path in new})),
    )


def changed_symbols(before: str, after: str) -> frozenset[str]:
    """Qualified names of the symbols whose lines differ, of either version.

    What stands inside a function belongs to that function; blank lines belong to nothing.
    """
    found = changes(before, after)
    return frozenset(
        {
            *_owners(before, (line for change in found for line in change.old)),
            *_owners(after, (line for change in found for line in change.new)),
        }
    )


def _owners(text: str, numbers: Iterable[int]) -> Iterator[str]:
    lines = lines_of(text)
    # Innermost last: an outer symbol comes before what it holds.
    spans = list(_spans(parsed(text).body, ""))
    for number in numbers:
        around = [name for first, last, name in spans if first <= number + 1 <= last]
        if around and lines[number].strip():
            yield around[-1]


def _spans(nodes: Iterable[ast.AST], prefix: str) -> Iterator[tuple[int, int, str]]:
    """First line, last line and qualified name; decorators belong to what they decorate."""
    for node in nodes:
        if isinstance(node, _DEFINITIONS):
            name = f"{prefix}{node.name}"
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            yield first, node.end_lineno or node.lineno, name
            if isinstance(node, ast.ClassDef):
                yield from _spans(node.body, f"{name}.")
        elif not isinstance(node, ast.expr):
            # Definitions under ``if`` and ``try`` are the module's or the class's own.
            yield from _spans(ast.iter_child_nodes(node), prefix)


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
