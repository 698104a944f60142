"""Metadata files of a tree, put together."""

from __future__ import annotations

import pytest

from cra_pipeline.packages.declared import (
    Declared,
    import_roots,
    literal_version,
    project_folder,
    read_declared,
    wanted_files,
)


def declared(files: dict[str, str], folder: str = "") -> Declared:
    tree = frozenset(files)
    wanted = {path: files[path] for path in wanted_files(tree, folder)}
    return read_declared(tree, wanted, folder)


def test_a_test_extra_that_asks_for_another_extra_gets_both() -> None:
    read = declared(
        {
            "pyproject.toml": "[project]\nname='own'\ndependencies=['r']\n"
            "[project.optional-dependencies]\ntests=['t','own[speed]']\nspeed=['s','own[deep]']\n"
            "deep=['d']\ndocs=['sphinx']"
        }
    )

    assert read.runtime == ("r",)
    assert read.tests == ("d", "s", "t")
    assert "sphinx" not in read.development


def test_a_plainly_named_test_group_shuts_out_relatives() -> None:
    text = "[dependency-groups]\ntests=['a']\ntests-mypy=['b']\nfast-tests=['c']"

    assert declared({"pyproject.toml": text}).tests == ("a",)


def test_without_a_plain_one_relatives_count() -> None:
    text = "[dependency-groups]\nunit-tests=['a']\ntests-mypy=['b']"

    assert declared({"pyproject.toml": text}).tests == ("a",)


def test_test_requirement_files_count_as_declared_and_sources_shut_out_their_pins() -> None:
    read = declared(
        {
            "requirements/test.in": "a\n-r base.in\n",
            "requirements/test.txt": "a==1\n",
            "requirements/base.in": "b\n",
            "requirements/docs.txt": "sphinx\n",
            "dev-requirements.txt": "c\n",
        }
    )

    assert read.tests == ("a", "b")
    assert read.development == ("b", "c")


def test_setup_cfg_and_setup_py_are_read() -> None:
    read = declared(
        {
            "setup.cfg": "[metadata]\nname = own\nversion = attr: own.__version__\n"
            "[options]\npackage_dir =\n  = lib\ninstall_requires =\n  r\n"
            "[options.extras_require]\ntest =\n  t\n"
            "[options.entry_points]\npytest11 =\n  own = own.plugin\n",
            "setup.py": "setup(extras_require={'testing': ['u']}, ext_modules=[x])",
            "lib/own/__init__.py": "__version__ = '3.1'\n",
        }
    )

    assert (read.name, read.version, read.roots) == ("own", "3.1", ("lib",))
    assert read.tests == ("t", "u")
    assert read.entry_points == (("pytest11", "own", "own.plugin"),)
    assert read.native == "ext_modules"


@pytest.mark.parametrize(
    ("tree", "stated", "roots"),
    [
        ({"src/p/__init__.py"}, [], ("src",)),
        ({"p/__init__.py"}, [], (".",)),
        ({"src/__init__.py"}, [], (".",)),
        ({"python/p/a.py", "src/lib.rs"}, ["python"], ("python",)),
        ({"p/a.py"}, ["src"], (".",)),
        ({"p/a.py"}, [".."], (".",)),
    ],
)
def test_import_roots_exist_in_the_tree(
    tree: set[str], stated: list[str], roots: tuple[str, ...]
) -> None:
    assert import_roots(frozenset(tree), "", stated) == roots


def test_a_project_below_the_top_is_found_by_what_was_touched() -> None:
    tree = {"pyproject.toml", "inner/setup.py", "inner/src/p/a.py", "other/a.py"}

    assert project_folder(tree, ["inner/src/p/a.py"]) == "inner"
    assert project_folder(tree, ["other/a.py"]) == ""


def test_paths_of_an_inner_project_are_relative_to_the_top() -> None:
    read = declared(
        {
            "inner/pyproject.toml": "[project]\nname='own'\n[tool.setuptools_scm]\n"
            "write_to='src/p/_version.py'",
            "inner/src/p/a.py": "",
        },
        "inner",
    )

    assert read.roots == ("inner/src",)
    assert read.version_files == (("inner/src/p/_version.py", ""),)


@pytest.mark.parametrize(
    ("text", "version"),
    [("__version__ = '1'", "1"), ("VERSION: str = '2'", "2"), ("__version__ = f()", ""), ("(", "")],
)
def test_only_literal_versions_count(text: str, version: str) -> None:
    assert literal_version(text) == version
