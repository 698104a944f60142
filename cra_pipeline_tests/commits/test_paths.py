"""What paths say of files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.commits.paths import is_ci, is_documentation, is_test, sort_paths


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("src/pkg/core.py", "sources"),
        ("pkg/testing.py", "sources"),
        ("pkg/testing/tools.py", "sources"),
        ("pkg/docs/render.py", "sources"),
        ("pkg/scripts/run.py", "sources"),
        ("pkg/setup.py", "sources"),
        ("tests/test_core.py", "tests"),
        ("tests/conftest.py", "tests"),
        ("tests/data/case.py", "tests"),
        ("pkg/tests/deep.py", "tests"),
        ("pkg/core_test.py", "tests"),
        ("testing/test_a.py", "tests"),
        ("conftest.py", "tests"),
        ("setup.py", "others"),
        ("noxfile.py", "others"),
        ("docs/conf.py", "others"),
        ("my-project/docs/conf.py", "others"),
        ("my-project/setup.py", "others"),
        ("examples/run.py", "others"),
        (".github/check.py", "others"),
        ("pkg/core.pyi", "others"),
        ("README.md", "others"),
    ],
)
def test_files_are_grouped(path: str, group: str) -> None:
    groups = sort_paths([path])

    assert getattr(groups, group) == (path,)


@pytest.mark.parametrize(
    ("path", "documentation", "ci"),
    [
        ("README", True, False),
        ("docs/conf.py", True, False),
        ("docs/logo.png", True, False),
        ("changelog.d/12.fix", True, False),
        ("pkg/notes.rst", True, False),
        ("pkg/docs/render.py", False, False),
        ("pkg/links.py", False, False),
        ("pkg/changes.py", False, False),
        ("tests/data/case.md", False, False),
        (".github/workflows/ci.yml", False, True),
        (".github/README.md", True, True),
        ("tox.ini", False, True),
        ("pkg/ci.py", False, False),
        ("requirements.txt", False, False),
    ],
)
def test_documents_and_ci_are_told_by_path(path: str, *, documentation: bool, ci: bool) -> None:
    told = (is_documentation(path), is_ci(path))

    assert told == (documentation, ci)


@given(st.lists(st.text(min_size=1)))
def test_every_path_lands_in_one_group(paths: list[str]) -> None:
    groups = sort_paths(paths)

    assert sorted((*groups.sources, *groups.tests, *groups.others)) == sorted(set(paths))
    assert all(is_test(path) for path in groups.tests)
