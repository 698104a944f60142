"""Test files that exist for a source file, by name.

``src/pkg/_core.py`` is tested by ``tests/test_core.py``; failing that, by tests named after a
package on its path (``test_pkg.py``) or lying beside it (``pkg/tests/``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from cra_pipeline.commits.paths import is_test

_RUNNABLE = re.compile(r"(?:test\w*|\w+_tests?)\.py\Z")
_AFFIX = re.compile(r"\A(?:tests_|test_?)(?=\w)|_?tests?\Z")
_DATA_FOLDERS = {"data", "testdata", "test-data", "test_data", "fixtures", "samples", "resources"}
_NO_PACKAGE = {"src", "lib", "python", "source", "internal"}
_MEANINGFUL = 5
"""Shortest word that may match the beginning of a longer one."""


@lru_cache(maxsize=65_536)
def is_test_module(path: str) -> bool:
    """Whether a test runner would collect the file by itself."""
    *folders, name = path.split("/")
    if not is_test(path) or _DATA_FOLDERS.intersection(folders):
        return False
    return bool(_RUNNABLE.match(name)) and name != "conftest.py"


def related_tests(sources: Iterable[str], tests: tuple[str, ...], *, limit: int) -> tuple[str, ...]:
    """Test modules for the given sources, sorted; per source only the closest kind of match.

    Args:
        sources: Changed ``.py`` files of the project.
        tests: All test modules of the tree.
        limit: At most so many, the first by name.
    """
    found = {test for source in sources for test in _closest(source, tests)}
    return tuple(sorted(found)[:limit])


def named_after(test: str, source: str) -> bool:
    """Whether a test module's own name points to the source file, packages left aside."""
    return test in _by_name(source, (test,))


def _closest(source: str, tests: tuple[str, ...]) -> tuple[str, ...]:
    return _by_name(source, tests) or _by_package(source, tests)


@lru_cache(maxsize=4096)
def _by_name(source: str, tests: tuple[str, ...]) -> tuple[str, ...]:
    names = _names(source)
    subjects = _subjects(tests)
    exact = [test for name in names for test in subjects.get(name, ())]
    if exact:
        return tuple(exact)
    return tuple(
        test
        for subject, paths in subjects.items()
        if any(_akin(subject, name) for name in names)
        for test in paths
    )


def _by_package(source: str, tests: tuple[str, ...]) -> tuple[str, ...]:
    folders = source.split("/")[:-1]
    packages = {folder.strip("_").lower() for folder in folders} - _NO_PACKAGE
    subjects = _subjects(tests)
    named = [test for package in sorted(packages) for test in subjects.get(package, ())]
    beside = "/".join([*folders, "tests"]) + "/" if folders else ""
    return tuple(named) or tuple(test for test in tests if beside and test.startswith(beside))


@lru_cache(maxsize=32)
def _subjects(tests: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Test modules by what their names say they test."""
    found: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        stem = test.rpartition("/")[2].removesuffix(".py").lower()
        found[_AFFIX.sub("", stem).strip("_")].append(test)
    return {subject: tuple(paths) for subject, paths in found.items()}


def _names(source: str) -> tuple[str, ...]:
    """What a test of the source may be named after, the most telling first."""
    *folders, name = source.split("/")
    stem = name.removesuffix(".py").strip("_").lower()
    parent = folders[-1].strip("_").lower() if folders else ""
    if stem in {"init", "main"} and parent and parent not in _NO_PACKAGE:
        return (parent,)
    return (stem, f"{parent}_{stem}") if parent else (stem,)


def _akin(subject: str, name: str) -> bool:
    if subject.startswith(name + "_") or subject.endswith("_" + name):
        return True
    shorter, longer = sorted((subject, name), key=len)
    return len(shorter) >= _MEANINGFUL and longer.startswith(shorter)
