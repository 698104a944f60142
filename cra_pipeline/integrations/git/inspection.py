"""What a bare clone holds: its refs, whether it is whole, and the tree of a commit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import git


def list_refs(repo: Path) -> tuple[tuple[str, str], ...]:
    """(full name, object id) of every ref, sorted by name.

    Raises:
        GitError: This is no git directory.
    """
    listing = git(repo, "for-each-ref", "--format=%(objectname) %(refname)")
    lines = (line.decode(errors="surrogateescape") for line in listing.splitlines())
    return tuple((name, oid) for oid, name in (line.split(" ", 1) for line in lines))


def commit_at(folder: Path) -> str:
    """Commit that is checked out in a folder; empty where it is no checkout's top, or has none."""
    try:
        return git(folder / ".git", "rev-parse", "--verify", "--quiet", "HEAD").decode().strip()
    except GitError:
        return ""


def commit_count(repo: Path, revision: str) -> int:
    """Commits that ``revision`` reaches.

    Raises:
        GitError: A commit is missing.
    """
    return int(git(repo, "rev-list", "--count", revision))


def broken_objects(repo: Path) -> str:
    """Git's words on what any ref reaches and is not there; empty where all of it is."""
    try:
        git(repo, "rev-list", "--objects", "--quiet", "--all")
    except GitError as error:
        return str(error)
    return ""


def borrows_objects(repo: Path) -> bool:
    """Whether the repository reads objects of another one."""
    return (repo / "objects" / "info" / "alternates").exists()


def list_tree(repo: Path, revision: str) -> Iterator[tuple[str, str, int, str]]:
    """Mode, object id, size and path of every entry of a commit's tree, all levels.

    The size of a submodule is 0; path bytes that are no UTF-8 stand as backslash escapes.

    Raises:
        GitError: The tree or the size of a blob cannot be read.
    """
    listing = git(repo, "ls-tree", "-r", "-z", "--long", "--full-tree", revision)
    for line in listing.split(b"\0")[:-1]:
        head, path = line.split(b"\t", 1)
        mode, _, oid, size = head.decode().split()
        yield mode, oid, 0 if size == "-" else int(size), path.decode(errors="backslashreplace")
