"""Where the tests of a commit point, and which faults could hide there.

Pure text work: which modules are under test, which test functions are new, which mutations of the
modules are worth a run. Nothing here knows what a run showed.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.harness.problem import blob_like
from cra_pipeline.harness.selection import imported_names, module_names
from cra_pipeline.mutations import mutations, spread
from cra_pipeline.syntax import parse_python


@dataclass(frozen=True, slots=True)
class Suspect:
    """One fault in one source file."""

    name: str
    kind: str
    path: str
    text: str = field(repr=False)

    def change(self, sources: Mapping[str, Blob]) -> TreeChange:
        """The fault as a change of the base."""
        old = sources[self.path]
        return TreeChange({self.path: old}, {self.path: blob_like(self.text, old)})


def modules_under_test(
    tests: Iterable[str], sources: Mapping[str, str], import_roots: Collection[str]
) -> tuple[str, ...]:
    """Source files that tests import, sorted; of a package also the files that define the names.

    Args:
        tests: Texts of the changed tests.
        sources: Text of every source file by path.
        import_roots: Folders from which modules are imported.
    """
    imported = {name for text in tests for name in imported_names(text)}
    found: set[str] = set()
    for path, text in sources.items():
        for name in module_names(path, import_roots):
            package = name.rpartition(".")[0]
            wanted = {item.rpartition(".")[2] for item in imported if _of_package(item, package)}
            if name in imported or wanted & _defined(text):
                found.add(path)
    return tuple(sorted(found))


def _of_package(name: str, package: str) -> bool:
    return bool(package) and name.rpartition(".")[0] == package


def _defined(text: str) -> set[str]:
    """Names of top-level functions and classes."""
    tree = parsed(text)
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def parsed(text: str) -> ast.Module:
    """The syntax tree; an empty one where the text does not parse."""
    try:
        return parse_python(text)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def changed_functions(old: str, new: str) -> dict[str, str]:
    """Test functions of the new text whose code the old one lacks: ``Class::name`` to its code."""
    before = _functions(old)
    return {name: code for name, code in _functions(new).items() if before.get(name) != code}


def _functions(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    stack: list[tuple[str, Sequence[ast.stmt]]] = [("", parsed(text).body)]
    while stack:
        prefix, body = stack.pop()
        for node in body:
            if isinstance(node, ast.ClassDef):
                stack.append((f"{prefix}{node.name}::", node.body))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + node.name] = ast.unparse(node)
    return found


def suspects(
    sources: Mapping[str, str], code: Iterable[str], *, limit: int, seed: str
) -> tuple[Suspect, ...]:
    """Faults to try, those in functions that the new tests name first.

    Args:
        sources: Text of the modules under test by path.
        code: Code of the new and changed tests.
        limit: How many at most.
        seed: Of the draw.
    """
    words = {
        getattr(node, "id", None) or getattr(node, "attr", None)
        for text in code
        for node in ast.walk(parsed(text))
    }
    near: list[Suspect] = []
    far: list[Suspect] = []
    for path, text in sorted(sources.items()):
        lines = _lines_of_named(text, words)
        near.extend(_faults(path, text, lines, limit, seed))
        far.extend(_faults(path, text, None, limit, seed))
    first = spread(near, limit, seed)
    others = spread((item for item in far if item not in first), limit - len(first), seed)
    return (*first, *others)


def _faults(
    path: str, text: str, lines: Collection[int] | None, limit: int, seed: str
) -> Iterable[Suspect]:
    for item in mutations(text, lines, limit=limit, seed=seed):
        name = f"{path}:{item.line}:{item.column}:{item.kind}"
        yield Suspect(name, item.kind, path, item.text)


def _lines_of_named(text: str, words: Collection[str | None]) -> set[int]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {
        line
        for node in ast.walk(parsed(text))
        if isinstance(node, kinds) and node.name in words
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
