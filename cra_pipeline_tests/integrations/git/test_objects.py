"""One reader for many objects."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.objects import ObjectReader, object_reader
from cra_pipeline_tests.histories import Upstream, drop_object


def is_python(path: str) -> bool:
    return path.endswith(".py")


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    made = Upstream(tmp_path / "upstream")
    made.commit({"a.py": "x\n", "d/b.py": "y\n", "d/c.txt": ""}, "Start")
    return made


def test_paths_are_those_of_the_commit(upstream: Upstream) -> None:
    first = upstream.run("rev-parse", "HEAD")
    (upstream.path / "link.py").symlink_to("a.py")
    second = upstream.commit({"d/e/f.py": "z\n"}, "Add f")
    with object_reader(upstream.path / ".git") as reader:
        listed = [reader.paths(sha, is_python) for sha in (first, second, first)]

    assert listed == [("a.py", "d/b.py"), ("a.py", "d/b.py", "d/e/f.py"), ("a.py", "d/b.py")]


def test_contents_come_back_byte_by_byte(upstream: Upstream) -> None:
    upstream.commit({"n.bin": b"\0\r\n\xff"}, "Add bytes")
    with object_reader(upstream.path / ".git") as reader:
        contents = [
            reader.read("HEAD:n.bin"),
            reader.read("HEAD:d/c.txt"),
            reader.read("HEAD:a.py"),
        ]

    assert contents == [b"\0\r\n\xff", b"", b"x\n"]


def test_a_missing_object_is_named_and_the_reader_goes_on(upstream: Upstream) -> None:
    clone = upstream.path / ".git"
    blob = upstream.run("rev-parse", "HEAD:a.py")
    drop_object(clone, blob)
    with object_reader(clone) as reader:
        with pytest.raises(GitError, match=f"object {blob} is missing"):
            reader.read(blob)
        rest = reader.read("HEAD:d/b.py")

    assert rest == b"y\n"


def test_a_folder_that_is_no_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GitError), object_reader(tmp_path) as reader:
        ask_late(reader)


def ask_late(reader: ObjectReader) -> None:
    """Ask when git has ended: the question then meets a broken pipe."""
    time.sleep(0.3)
    reader.read("HEAD")
