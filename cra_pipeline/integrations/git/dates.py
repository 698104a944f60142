"""Committer dates and parents of a whole history, and the ids of changes by their text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from cra_pipeline.integrations.git.run import git

_COMMITS_PER_CALL = 500


def dated_commits(snapshot: Path, revision: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Committer date (seconds since the epoch) and parents of every commit that is reached.

    Children come before their parents.

    Raises:
        GitError: There is no such commit, or its history is cut.
    """
    listing = git(
        snapshot, "log", "--topo-order", "--format=%H %ct %P", "--end-of-options", revision, "--"
    )
    lines = (line.split() for line in listing.decode().splitlines())
    return {words[0]: (int(words[1]), tuple(words[2:])) for words in lines}


def patch_ids(snapshot: Path, commits: Iterable[str]) -> dict[str, str]:
    """``git patch-id --stable`` of each commit's change against its first parent.

    Equal for a change that was picked onto another branch: neither the place in a file nor white
    space counts. Merges, empty commits and changes of binary files alone have none.

    Raises:
        GitError: An object is missing.
    """
    found: dict[str, str] = {}
    waiting: Iterator[str] = iter(commits)
    while batch := list(islice(waiting, _COMMITS_PER_CALL)):
        # Where it is handed a list, `diff-tree` passes over what it does not know.
        git(snapshot, "rev-list", "--no-walk", "--stdin", stdin="\n".join(batch).encode())
        diff = git(
            snapshot, "diff-tree", "--stdin", "--root", "-r", "-p", "--no-renames", "--full-index",
            "--no-ext-diff", "--no-textconv", stdin="".join(f"{sha}\n" for sha in batch).encode(),
        )  # fmt: skip
        for line in git(snapshot, "patch-id", "--stable", stdin=diff).decode().splitlines():
            patch, sha = line.split()
            found[sha] = patch
    return found
