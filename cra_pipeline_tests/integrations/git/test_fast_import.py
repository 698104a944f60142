"""Building a repository from a stream: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.fast_import import build_repository
from cra_pipeline.integrations.git.run import git


def stream(text: bytes) -> bytes:
    """One commit that holds one file."""
    return (
        b"commit refs/heads/main\ncommitter A <a@x.example> 1 +0000\ndata 2\nGo\n"
        b"M 100644 inline a.txt\ndata %d\n%s\ndone\n" % (len(text), text)
    )


def test_repository_is_bare_with_branch_main(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "x.git"
    head = build_repository(target, stream(b"one"))

    assert git(target, "rev-parse", "HEAD", "refs/heads/main").decode().split() == [head, head]
    assert git(target, "rev-parse", "--is-bare-repository") == b"true\n"
    assert git(target, "show", "main:a.txt") == b"one"
    assert git(target, "fsck", "--strict") == b""


def test_equal_streams_give_equal_ids(tmp_path: Path) -> None:
    first = build_repository(tmp_path / "a.git", stream(b"one"))

    assert build_repository(tmp_path / "b.git", stream(b"one")) == first
    assert build_repository(tmp_path / "c.git", stream(b"two")) != first


def test_building_again_replaces_the_repository(tmp_path: Path) -> None:
    target = tmp_path / "x.git"
    build_repository(target, stream(b"one"))
    head = build_repository(target, stream(b"two"))

    assert git(target, "rev-parse", "main").decode().strip() == head
    assert [path.name for path in tmp_path.iterdir()] == ["x.git"]


@pytest.mark.parametrize(
    "broken", [b"", b"nonsense\n", stream(b"two").removesuffix(b"done\n"), b"done\n"]
)
def test_refused_stream_leaves_the_old_repository(broken: bytes, tmp_path: Path) -> None:
    target = tmp_path / "x.git"
    head = build_repository(target, stream(b"one"))

    with pytest.raises(GitError):
        build_repository(target, broken)
    assert git(target, "rev-parse", "main").decode().strip() == head
    assert [path.name for path in tmp_path.iterdir()] == ["x.git"]


def test_folder_that_is_no_repository_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "x.git"
    target.mkdir()
    (target / "mine.txt").write_text("mine")

    with pytest.raises(GitError, match="move it away"):
        build_repository(target, stream(b"one"))
    assert (target / "mine.txt").read_text() == "mine"
