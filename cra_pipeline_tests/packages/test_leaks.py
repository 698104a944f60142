"""The answer must not lie in the environment."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.packages.leaks import (
    OwnCode,
    blob_id,
    head_lines,
    leak_of,
    own_modules,
    wheel_facts,
)
from cra_pipeline.packages.policy import PackagePolicy

POLICY = PackagePolicy()
OLD = "".join(f"value_number_{n} = {n}\n" for n in range(40)).encode()
NEW = OLD + "".join(f"fresh_number_{n} = {n}\n" for n in range(4)).encode()
LATER = frozenset({blob_id(NEW)})


def leak(name: str, files: dict[str, bytes]) -> str:
    own = OwnCode(
        name="Own_Lib",
        modules=frozenset({"own/core.py"}),
        later_blobs=lambda ids: frozenset(ids) & LATER,
        base_lines=lambda _: head_lines([("core.py", OLD)])["core.py"][0],
    )

    def known(ids: Iterable[str]) -> frozenset[str]:
        return frozenset(ids) & {blob_id(OLD), blob_id(NEW)}

    head = head_lines([("src/own/core.py", NEW)])
    return leak_of(name, lambda: wheel_facts(files.items(), known, head, POLICY), own, POLICY)


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("own-lib", {}, "own distribution"),
        ("fork", {"own/core.py": b"x = 1\n" * 60}, "brings the repository's own module"),
        ("vendor", {"v/_vendor/other.py": NEW}, "holds a file of the history"),
        ("vendor", {"v/core.py": NEW + b"changed = 1\n"}, "holds a copy that is newer"),
    ],
)
def test_own_code_from_the_commit_on_is_a_leak(
    name: str, files: dict[str, bytes], words: str
) -> None:
    assert leak(name, files).startswith(words)


@pytest.mark.parametrize(
    "files",
    [
        {"other/core.py": b"something_else = 1\n" * 60},
        {"v/core.py": OLD},
        {"v/core.py": OLD + b"changed_by_vendor = 1\n" * 10},
        {"own/core.py": b"x = 1\n"},
        {"v/renamed.py": OLD},
    ],
)
def test_foreign_trivial_and_older_code_is_none(files: dict[str, bytes]) -> None:
    assert not leak("vendor", files)


@given(st.binary(max_size=300))
def test_blob_ids_are_those_of_git(content: bytes) -> None:
    assert len(blob_id(content)) == 40


def test_one_blob_id_is_compared_with_git_itself() -> None:
    words = subprocess.run(
        ["git", "hash-object", "--stdin"], input=OLD, capture_output=True, check=True
    )

    assert words.stdout.decode().strip() == blob_id(OLD)


def test_tests_and_package_markers_are_no_modules_of_the_project() -> None:
    tree = {"src/own/core.py", "src/own/__init__.py", "tests/test_a.py", "src/tests/a.py", "x.md"}

    assert own_modules(tree, ["src"]) == {"own/core.py"}
    assert own_modules({"own.py", "setup.py", "tests/a.py"}, ["."]) == {"own.py"}
