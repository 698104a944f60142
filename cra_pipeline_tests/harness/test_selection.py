"""Which tests are run for a change, and what stays out of a proposal's reach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.harness.policy import TaskPolicy
from cra_pipeline.harness.selection import (
    holds_tests,
    imported_names,
    is_guarded,
    kept_edits,
    module_names,
    protected_files,
    select_tests,
)

TEST = "def test_a():\n    pass\n"
TEXTS = {
    "tests/conftest.py": "import pkg.core\n" + TEST,
    "tests/helper.py": "import pkg.core\n",
    "tests/test_core.py": TEST,
    "tests/test_direct.py": "from pkg import core\n" + TEST,
    "tests/test_deep.py": "def test_b():\n    import pkg.core as c\n",
    "tests/test_package.py": "import pkg\n" + TEST,
    "tests/test_other.py": "import other\n" + TEST,
    "tests/test_touched.py": "x = 1\n",
    "tests/strategies.py": "x = 1\n",
}


def selected(files: int = 40, package: int = 6) -> tuple[str, ...]:
    return select_tests(
        touched=["tests/test_touched.py", "tests/conftest.py", "tests/strategies.py"],
        related=["tests/test_core.py", "tests/test_gone.py"],
        texts=TEXTS,
        sources=["src/pkg/core.py"],
        import_roots=["src"],
        policy=TaskPolicy(max_test_files=files, max_package_tests=package),
    )


def test_touched_named_and_importing_files_are_run() -> None:
    assert selected() == (
        "tests/test_core.py",
        "tests/test_deep.py",
        "tests/test_direct.py",
        "tests/test_package.py",
        "tests/test_touched.py",
    )


def test_the_closest_files_survive_the_cap() -> None:
    assert selected(files=2) == ("tests/test_core.py", "tests/test_touched.py")
    assert "tests/test_package.py" not in selected(package=0)


@given(st.permutations(sorted(TEXTS)), st.integers(0, 8))
def test_equal_facts_give_equal_files(order: list[str], cap: int) -> None:
    texts = {path: TEXTS[path] for path in order}
    policy = TaskPolicy(max_test_files=cap)
    chosen, again = (
        select_tests(
            touched=[],
            related=[],
            texts=each,
            sources=["src/pkg/core.py"],
            import_roots=["src"],
            policy=policy,
        )
        for each in (texts, TEXTS)
    )

    assert chosen == again
    assert len(chosen) <= cap


@pytest.mark.parametrize(
    ("path", "roots", "names"),
    [
        ("src/pkg/core.py", ["src"], ("pkg.core",)),
        ("src/pkg/__init__.py", ["src"], ("pkg",)),
        ("pkg/core.py", ["."], ("pkg.core",)),
        ("src/pkg/core.py", [".", "src"], ("pkg.core", "src.pkg.core")),
        ("docs/conf-x.py", ["."], ()),
        ("lib/pkg.py", ["src"], ()),
        ("src/__init__.py", ["src"], ()),
    ],
)
def test_modules_are_named_from_the_import_roots(
    path: str, roots: list[str], names: tuple[str, ...]
) -> None:
    assert module_names(path, roots) == names


def test_imports_are_read_and_relative_ones_left_aside() -> None:
    text = "import a.b\nfrom c import d as e\nfrom . import f\ndef g():\n    import h\n"

    assert imported_names(text) == {"a.b", "c", "c.d", "h"}
    assert imported_names("def (") == frozenset()


def test_tests_are_seen_in_classes_too() -> None:
    assert holds_tests("class A:\n    async def test_a(self): ...\n")
    assert not holds_tests("def helper(): ...\n")
    assert not holds_tests("def test(")


@pytest.mark.parametrize(
    ("path", "guarded"),
    [
        *((path, True) for path in ("tests/a.py", "a/test/a.txt", "pkg/test_a.py", "conftest.py")),
        *((path, True) for path in ("a/pytest.ini", "pyproject.toml", "x.pth", "testing/a.py")),
        *((path, True) for path in ("src/sitecustomize.py", "pkg/a_test.py", "test-data/x.test")),
        *(
            (path, True)
            for path in ("a-1.dist-info/METADATA", "src/a.egg-info/x", "entry_points.txt")
        ),
        *((path, False) for path in ("src/pkg/testing.py", "src/pkg/latest.py", "README.md")),
        *((path, False) for path in ("pkg/testing/a.py", "src/contest.py", "setup.py")),
    ],
)
def test_tests_settings_and_start_up_are_guarded(path: str, guarded: object) -> None:
    assert is_guarded(path) == guarded


def test_a_proposal_keeps_only_what_is_neither_guarded_nor_protected() -> None:
    paths = ["src/b.py", "src/a.py", "tests/test_a.py", "pkg/helper.py"]

    assert kept_edits(paths, {"pkg/helper.py"}) == ("src/a.py", "src/b.py")


def test_run_and_touched_files_conftests_and_settings_are_protected() -> None:
    names = ["conftest.py", "a/conftest.py", "setup.cfg", "src/a.py", "t/x.py", "t/y.py", "t/z.py"]

    assert protected_files(names, ["t/x.py"], ["t/y.py", "t/deleted.py"]) == (
        *("a/conftest.py", "conftest.py", "setup.cfg", "t/x.py", "t/y.py"),
    )
