"""``pyproject.toml`` in the dialects of the common build tools."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from cra_pipeline.packages.findings import Findings
from cra_pipeline.packages.pyproject import expanded_groups, poetry_bound, read_pyproject


def found(text: str) -> Findings:
    findings = Findings()
    read_pyproject(text, findings)
    return findings


def test_groups_include_each_other_by_any_spelling_and_cycles_end() -> None:
    groups = {
        "tests": ["a", {"include-group": "Cover_Age"}],
        "cover-age": ["b", {"include-group": "tests"}],
    }

    assert expanded_groups(groups) == {"tests": ["a", "b"], "cover-age": ["b", "a"]}


@pytest.mark.parametrize(
    ("text", "group", "lines"),
    [
        ("[tool.poetry.group.test.dependencies]\nx = '^1.2'", "test", ["x>=1.2,<2"]),
        ("[tool.poetry]\n[tool.poetry.dev-dependencies]\nx = '*'", "dev", ["x"]),
        ("[tool.pdm.dev-dependencies]\ntest = ['x']", "test", ["x"]),
        ("[tool.hatch.envs.hatch-test]\nextra-dependencies = ['x']", "hatch-test", ["x"]),
        ("[tool.uv]\ndev-dependencies = ['x']", "dev", ["x"]),
        ("[dependency-groups]\ntests = ['x']", "tests", ["x"]),
    ],
)
def test_each_tool_has_its_test_table(text: str, group: str, lines: list[str]) -> None:
    assert found(text).groups[group] == lines


def test_flit_extras_scripts_and_name_are_read() -> None:
    read = found(
        "[tool.flit.metadata]\nmodule = 'm'\nrequires = ['a']\n"
        "[tool.flit.metadata.requires-extra]\ntest = ['b']\n[tool.flit.scripts]\nm = 'm:main'"
    )

    assert (read.name, read.runtime, read.extras["test"]) == ("m", ["a"], ["b"])
    assert read.entry_points == {"console_scripts": {"m": "m:main"}}


@pytest.mark.parametrize(
    ("bound", "standard"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~=1.2", "~=1.2"),
        ("1.2", "==1.2"),
        ("*", ""),
        (">=1,<3", ">=1,<3"),
        ("^1 || ^2", ">=1,<2"),
    ],
)
def test_bounds_of_poetry_become_standard_ones(bound: str, standard: str) -> None:
    assert poetry_bound(bound) == standard


@given(
    st.sampled_from(["^", "~", "", ">=", "<"]), st.lists(st.integers(0, 30), min_size=1, max_size=4)
)
def test_every_bound_of_poetry_is_a_valid_specifier(sign: str, numbers: list[int]) -> None:
    text = sign + ".".join(map(str, numbers))

    assert SpecifierSet(poetry_bound(text)) is not None


@pytest.mark.parametrize(
    ("text", "path", "template"),
    [
        ("[tool.setuptools_scm]\nwrite_to = 'src/p/_version.py'", "src/p/_version.py", ""),
        ("[tool.setuptools_scm]\nversion_file = 'p/_v.py'", "p/_v.py", ""),
        (
            "[tool.hatch.build.hooks.vcs]\nversion-file = 'v.py'\ntemplate = 'v = {version!r}'",
            "v.py",
            "v = {version!r}",
        ),
        ("[tool.pdm.version]\nsource = 'scm'\nwrite_to = 'p/v.txt'", "p/v.txt", ""),
    ],
)
def test_version_files_of_builds_are_known(text: str, path: str, template: str) -> None:
    assert found(text).version_files == [(path, template)]


@pytest.mark.parametrize(
    "text", ["[project", "project = 3", "[tool]\npoetry = 1", "[dependency-groups]\ntests = 'x'"]
)
def test_damaged_or_odd_files_say_nothing(text: str) -> None:
    read = found(text)

    assert (read.name, read.runtime) == ("", [])
