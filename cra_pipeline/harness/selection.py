"""Which test files are run for a change, and which paths belong to the judge alone.

Pure: texts and names come in, paths go out. What guards a path here is dropped from every
proposal before it is laid over the tree; ``protected_files`` are then restored on top.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from cra_pipeline.harness.policy import TaskPolicy
from cra_pipeline.syntax import parse_python

CONFIG_FILES = frozenset(
    {
        *("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"),
        *("pyproject.toml", "tox.ini", "setup.cfg"),
    }
)
"""Files in which pytest looks for its settings, at any level."""

STARTUP_FILES = frozenset({"sitecustomize.py", "usercustomize.py"})
"""Modules that the interpreter imports by itself."""

_STEERING = CONFIG_FILES | STARTUP_FILES | {"conftest.py", "entry_points.txt"}
_METADATA = (".dist-info", ".egg-info")
"""Endings of what the interpreter reads as an installed package, plugins included."""

_TEST_FOLDERS = frozenset(
    {"test", "tests", "testdata", "test-data", "test_data", "_tests", "unittests"}
)
_TEST_MODULE = re.compile(r"(test_.*|.*_tests?|conftest|tests)\.py\Z")
_RUNNABLE = re.compile(r"(.*/)?(test\w*|\w+_tests?)\.py\Z")
_BY_NAME = 2
"""The first groups of files are run for their name, even where no test is seen in their text."""


def is_guarded(path: str) -> bool:
    """Whether the judge alone decides what lies there: tests, their settings, start-up hooks."""
    *folders, name = PurePosixPath(path).parts
    if _TEST_FOLDERS.intersection(folders) or folders[:1] == ["testing"]:
        return True
    return steers(path) or bool(_TEST_MODULE.match(name)) or path == "test.py"


def steers(path: str) -> bool:
    """Whether a file steers the test runner or the interpreter, wherever it lies."""
    place = PurePosixPath(path)
    if any(part.endswith(_METADATA) for part in place.parts):
        return True
    return place.name in _STEERING or place.suffix == ".pth"


def kept_edits(paths: Iterable[str], protected: Collection[str]) -> tuple[str, ...]:
    """Of a proposal's paths those that may be laid over the tree, sorted."""
    return tuple(sorted(path for path in paths if path not in protected and not is_guarded(path)))


def protected_files(
    names: Iterable[str], run: Iterable[str], touched: Iterable[str]
) -> tuple[str, ...]:
    """Paths that are restored to the commit's version before every run, sorted.

    Args:
        names: Every path of the commit's tree.
        run: Test files that are run.
        touched: Test files and support files that the commit changes.
    """
    wanted = {*run, *touched}
    return tuple(
        sorted(
            path
            for path in names
            if path in wanted or PurePosixPath(path).name in {"conftest.py", *CONFIG_FILES}
        )
    )


@lru_cache(maxsize=4096)
def holds_tests(text: str) -> bool:
    """Whether a file has a function or method that a test runner would call, at a glance."""
    tree = _parsed(text)
    return tree is not None and any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
        for node in ast.walk(tree)
    )


def module_names(path: str, import_roots: Iterable[str]) -> tuple[str, ...]:
    """Dotted names under which a source file can be imported, the longest root first."""
    found = []
    for root in sorted({*import_roots}, key=lambda root: (-len(PurePosixPath(root).parts), root)):
        try:
            inner = PurePosixPath(path).relative_to(root)
        except ValueError:
            continue
        parts = [*inner.parts[:-1], *([] if inner.stem == "__init__" else [inner.stem])]
        if parts and all(part.isidentifier() for part in parts):
            found.append(".".join(parts))
    return tuple(found)


@lru_cache(maxsize=4096)
def imported_names(text: str) -> frozenset[str]:
    """Dotted names that a file imports, at any depth; ``from a import b`` gives ``a`` and ``a.b``.

    Relative imports and text that does not parse give nothing.
    """
    found: set[str] = set()
    tree = _parsed(text)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)


def select_tests(  # noqa: PLR0913  # each is another fact about the change
    *,
    touched: Iterable[str],
    related: Iterable[str],
    texts: Mapping[str, str],
    sources: Iterable[str],
    import_roots: Iterable[str],
    policy: TaskPolicy,
) -> tuple[str, ...]:
    """Test files to run for a change, sorted.

    Touched tests come first, then those named after a source, those that import a changed module,
    and a few that import its package; within a group a hash of the names draws, so that equal
    facts give equal files.

    Args:
        touched: Test files that the change touches; support files without tests are left out.
        related: Test files that bear the name of a changed source.
        texts: Text of every test file of the tree, by path; paths without a text are never run.
        sources: Changed source files.
        import_roots: Folders from which the tree's modules are imported.
        policy: Gives the caps.
    """
    modules = {name for source in sources for name in module_names(source, import_roots)}
    packages = {name.partition(".")[0] for name in modules}
    imports = {path: imported_names(text) for path, text in texts.items()}
    groups = (
        [path for path in touched if path in texts],
        [path for path in related if path in texts],
        [path for path in texts if imports[path] & modules],
        [path for path in texts if imports[path] & packages],
    )
    chosen: dict[str, None] = {}
    for number, group in enumerate(groups):
        fresh = {
            path
            for path in group
            if PurePosixPath(path).name != "conftest.py"
            and (holds_tests(texts[path]) or (number < _BY_NAME and _RUNNABLE.match(path)))
        }
        room = policy.max_test_files - len(chosen)
        if number == len(groups) - 1:
            room = min(room, policy.max_package_tests)
        chosen.update(dict.fromkeys(_drawn(fresh - chosen.keys(), sorted(modules))[: max(room, 0)]))
    return tuple(sorted(chosen))


def _drawn(paths: Iterable[str], salt: list[str]) -> list[str]:
    return sorted(
        paths, key=lambda path: hashlib.sha256("\n".join([*salt, path]).encode()).hexdigest()
    )


def _parsed(text: str) -> ast.Module | None:
    try:
        return parse_python(text)
    except (SyntaxError, ValueError):
        return None
