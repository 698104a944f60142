"""Tests that exist for a source by name."""

from __future__ import annotations

import pytest

from cra_pipeline.commits.related import is_test_module, named_after, related_tests

TREE = (
    "tests/test_core.py",
    "tests/test_core_cache.py",
    "tests/test_pkg.py",
    "tests/testsemanal.py",
    "tests/parser_test.py",
    "lib2/tests/test_a.py",
)


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        ("src/pkg/_core.py", ("tests/test_core.py",)),
        ("src/pkg/cache.py", ("tests/test_core_cache.py",)),
        ("src/pkg/__init__.py", ("tests/test_pkg.py",)),
        ("src/pkg/other.py", ("tests/test_pkg.py",)),
        ("mypy/semanal.py", ("tests/testsemanal.py",)),
        ("mypy/semanal_main.py", ("tests/testsemanal.py",)),
        ("x/parser.py", ("tests/parser_test.py",)),
        ("lib2/b.py", ("lib2/tests/test_a.py",)),
        ("alien/thing.py", ()),
        ("src/__init__.py", ()),
    ],
)
def test_the_closest_names_are_taken(source: str, tests: tuple[str, ...]) -> None:
    found = related_tests([source], TREE, limit=20)

    assert found == tests


def test_at_most_the_limit_is_listed() -> None:
    found = related_tests(["a/core.py", "a/cache.py"], TREE, limit=1)

    assert found == ("tests/test_core.py",)


def test_a_package_does_not_tie_a_test_to_a_file() -> None:
    tied = (named_after("tests/test_core.py", "pkg/core.py"), named_after(TREE[2], "pkg/core.py"))

    assert tied == (True, False)


@pytest.mark.parametrize(
    ("path", "runnable"),
    [
        ("tests/test_a.py", True),
        ("tests/conftest.py", False),
        ("tests/support.py", False),
        ("tests/data/test_case.py", False),
        ("pkg/test_a.pyi", False),
    ],
)
def test_only_modules_that_run_by_themselves_count(path: str, *, runnable: bool) -> None:
    told = is_test_module(path)

    assert told == runnable
