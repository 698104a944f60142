"""Changed symbols under qualified names."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.symbols import symbol_reader
from cra_pipeline_tests.histories import Upstream, drop_object

BEFORE = '''\
import os


class First:
    size = 1

    def run(self):
        return 1


class Second:
    def run(self):
        def inner():
            return 1

        return inner

    async def gone(self):
        return 3


def alone(
    a,
):
    """Says
class Nothing:
    """
    return a
'''
AFTER = (
    BEFORE.replace("            return 1", "            return 2")
    .replace("    async def gone(self):\n        return 3\n", "")
    .replace("size = 1", "size = 2")
    .replace("    return a\n", "    return a + 1\n\n\nclass Fresh:\n    def go(self): pass\n")
)


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    made = Upstream(tmp_path / "upstream")
    made.commit({"pkg/a.py": BEFORE, "b.txt": "b\n"}, "Start")
    return made


def changed(upstream: Upstream, sha: str) -> list[tuple[str, str, str]]:
    with symbol_reader(upstream.path / ".git") as reader:
        return [(symbol.path, symbol.name, symbol.change) for symbol in reader.changed(sha)]


def test_methods_functions_and_classes_are_named_in_full(upstream: Upstream) -> None:
    sha = upstream.commit({"pkg/a.py": AFTER, "b.txt": "c\n"}, "Change it")
    found = changed(upstream, sha)

    assert found == [
        ("pkg/a.py", "First", "modified"),
        ("pkg/a.py", "Fresh", "added"),
        ("pkg/a.py", "Fresh.go", "added"),
        ("pkg/a.py", "Second.gone", "deleted"),
        ("pkg/a.py", "Second.run", "modified"),
        ("pkg/a.py", "alone", "modified"),
    ]


def test_added_and_deleted_files_give_their_symbols(upstream: Upstream) -> None:
    added = upstream.commit({"n.py": "def new():\n    return 1\n"}, "Add n")
    (upstream.path / "n.py").unlink()
    deleted = upstream.commit({}, "Delete n")

    assert changed(upstream, added) == [("n.py", "new", "added")]
    assert changed(upstream, deleted) == [("n.py", "new", "deleted")]


@pytest.mark.parametrize(
    "content",
    [
        "x = '\xe9'\ndef odd():\n    return 1\n".encode("latin-1"),
        b"def odd():\r\n    return 1\r\n",
        b"def odd(a, (b, c)):\n    print 'x'\n",
        b"def odd():\n    return '''\ndef text(:\n'''\n",
    ],
)
def test_sources_of_any_age_are_read(upstream: Upstream, content: bytes) -> None:
    sha = upstream.commit({"odd.py": content}, "Add an odd file")

    assert ("odd.py", "odd", "added") in changed(upstream, sha)


def test_nothing_is_written_into_the_repository(upstream: Upstream) -> None:
    sha = upstream.commit({"pkg/a.py": AFTER}, "Change it")
    settings = (upstream.path / ".git" / "config").read_bytes()
    changed(upstream, sha)

    assert (upstream.path / ".git" / "config").read_bytes() == settings


def test_a_missing_blob_is_named(upstream: Upstream) -> None:
    sha = upstream.commit({"pkg/a.py": AFTER}, "Change it")
    blob = upstream.run("rev-parse", "HEAD:pkg/a.py")
    drop_object(upstream.path / ".git", blob)

    with pytest.raises(GitError, match=blob):
        changed(upstream, sha)
