"""What stands in for installing the project."""

from __future__ import annotations

import dataclasses

import pytest

from cra_pipeline.packages.declared import Declared, read_declared
from cra_pipeline.packages.shim import (
    generated_files,
    project_version,
    shim_files,
    version_of_description,
)

TEXT = """
[build-system]
requires = ["setuptools_scm"]
[project]
name = "Own.Lib"
description = "Does  one
thing"
dependencies = ["r>1"]
[project.scripts]
own = "own.cli:main"
"odd/name" = "own.cli:main"
[project.entry-points.pytest11]
own = "own.plugin"
[tool.setuptools_scm]
write_to = "own/_version.py"
""".replace("Does  one\nthing", "Does  one thing")


def own() -> Declared:
    return read_declared(frozenset({"pyproject.toml", "own/a.py"}), {"pyproject.toml": TEXT}, "")


@pytest.mark.parametrize(
    ("described", "version"),
    [
        ("v1.2.3-0-gabc", "1.2.3"),
        ("1.2.3-4-gabc", "1.2.4.dev4"),
        ("own-lib-2.0-7-gabc", "2.1.dev7"),
        ("release/1.0rc1-2-gabc", "1.0rc2.dev2"),
        ("1.0.dev3-2-gabc", "1.0.dev2"),
        ("nightly-2024-3-gabc", "2025.dev3"),
        ("text-1x!-3-gabc", ""),
        ("", ""),
    ],
)
def test_versions_follow_the_nearest_tag(described: str, version: str) -> None:
    assert version_of_description(described) == version


@pytest.mark.parametrize(
    ("scm", "static", "described", "version"),
    [
        (True, "9.9", "1.0-0-ga", "1.0"),
        (False, "9.9", "1.0-0-ga", "9.9"),
        (False, "", "1.0-0-ga", "1.0"),
        (True, "", "", "0.0.0"),
        (False, "not a version", "", "0.0.0"),
    ],
)
def test_tags_rule_only_where_the_project_says_so(
    scm: bool,  # noqa: FBT001  # a column of the table
    static: str,
    described: str,
    version: str,
) -> None:
    declared = dataclasses.replace(own(), scm_version=scm, version=static)

    assert project_version(declared, described) == version


def test_the_shim_has_metadata_entry_points_and_scripts() -> None:
    files = {file.path: file.text for file in shim_files(own(), "1.0", ("own",))}

    assert set(files) == {
        "bin/own",
        "own_lib-1.0.dist-info/INSTALLER",
        "own_lib-1.0.dist-info/METADATA",
        "own_lib-1.0.dist-info/entry_points.txt",
        "own_lib-1.0.dist-info/top_level.txt",
    }
    assert (
        "Name: Own.Lib\nVersion: 1.0\nSummary: Does one thing\n"
        in (files["own_lib-1.0.dist-info/METADATA"])
    )
    assert "[pytest11]\nown = own.plugin" in files["own_lib-1.0.dist-info/entry_points.txt"]
    assert files["bin/own"].startswith("#!/env/bin/python\n")


def test_a_nameless_project_has_no_shim() -> None:
    assert shim_files(dataclasses.replace(own(), name=""), "1.0", ()) == ()


def test_a_version_file_is_generated_only_where_the_tree_lacks_it() -> None:
    made = generated_files(own(), "1.2.dev3", frozenset())

    assert [file.path for file in made] == ["own/_version.py"]
    assert "version = '1.2.dev3'" in made[0].text
    assert "(1, 2, 'dev3')" in made[0].text
    assert generated_files(own(), "1.2", frozenset({"own/_version.py"})) == ()


@pytest.mark.parametrize("path", ["../up.py", "/abs.py", "a/../../up.py"])
def test_a_version_file_outside_the_tree_is_never_written(path: str) -> None:
    declared = dataclasses.replace(own(), version_files=((path, ""),))

    assert generated_files(declared, "1.0", frozenset()) == ()


def test_a_template_is_filled() -> None:
    declared = dataclasses.replace(own(), version_files=(("v.py", "v = {version!r} # {version}"),))

    assert generated_files(declared, "1.0", frozenset())[0].text == "v = '1.0' # 1.0"
