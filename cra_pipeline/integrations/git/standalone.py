"""A repository of its own whose history ends at a prepared commit: nothing later is in it.

The agent works in a view of it that is thrown away, so one repository serves every attempt on a
task. It holds no object of later commits, no remote, no hook, and shares no file with the clone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from cra_pipeline.diffs import Blob
from cra_pipeline.errors import GitError, StoreError
from cra_pipeline.integrations.git.checkout import write_layer
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.git.trees import GITLINK, entries, read_blobs
from cra_pipeline.integrations.leftovers import prefix_of

BRANCH = "main"
DEPTH = 501
"""Commits that are kept: the agent reads 500."""
_SUBJECT = "Prepare the tree"
_ATTRIBUTES = "* -text -filter -ident -diff -merge\n"
"""Wins over the tree's own: what lies on disk is what git stores, byte for byte."""
_HEAD_TIME = {
    "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
}


def standalone_repository(  # noqa: PLR0913  # one keyword for each part of the commit
    snapshot: Path,
    base: str,
    target: Path,
    *,
    changed: Mapping[str, Blob],
    deleted: Iterable[str],
    ignored: Iterable[str] = (),
) -> str:
    """Make the repository at ``target``, which must not exist; checked out and clean.

    Args:
        snapshot: Bare clone.
        base: Full commit id; its history comes along, its future does not.
        target: New folder; it appears when all of it is there.
        changed: Files to add or replace in one commit on top of the base.
        deleted: Paths to remove in the same commit.
        ignored: Paths that git is to overlook, such as generated files.

    Returns:
        Id of the commit at which the branch ends.

    Raises:
        GitError: An object is missing.
        StoreError: The disk is full.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=prefix_of(".part")) as scratch:
            folder = Path(scratch) / "tree"
            # The sandbox may look at it as another user.
            Path(scratch).chmod(0o755)
            head = _commit(snapshot, base, Path(scratch) / "git", changed, frozenset(deleted))
            _lay_out(Path(scratch) / "git", head, folder, ignored)
            folder.rename(target)
    except OSError as error:
        raise StoreError(
            f"{target}: could not be written ({error.strerror}): free disk space, then run the "
            "same command again; finished work is kept"
        ) from error
    return head


def _commit(
    snapshot: Path, base: str, store: Path, changed: Mapping[str, Blob], deleted: frozenset[str]
) -> str:
    git(None, "init", "--quiet", "--bare", "--template=", str(store))
    address = f"file://{snapshot.absolute()}"
    git(
        store, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", f"--depth={DEPTH}",
        address, f"{base}:refs/heads/{BRANCH}",
    )  # fmt: skip
    git(store, "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    git(store, "read-tree", base)
    lines = [f"0 {'0' * 40}\t{path}" for path in sorted(deleted)]
    for path, blob in sorted(changed.items()):
        stored = git(store, "hash-object", "-w", "--stdin", stdin=blob.content).decode().strip()
        lines.append(f"{blob.mode} {stored}\t{path}")
    git(store, "update-index", "-z", "--index-info", stdin="\0".join([*lines, ""]).encode())
    tree = git(store, "write-tree").decode().strip()
    if tree == git(store, "rev-parse", f"{base}^{{tree}}").decode().strip():
        return base
    made = git(store, "commit-tree", tree, "-p", base, "-m", _SUBJECT, extra=_HEAD_TIME)
    head = made.decode().strip()
    git(store, "update-ref", f"refs/heads/{BRANCH}", head)
    return head


def _lay_out(store: Path, head: str, folder: Path, ignored: Iterable[str]) -> None:
    found = entries(store, head)
    contents = read_blobs(store, (item.blob for item in found if item.mode != GITLINK))
    files = {item.path: Blob(item.mode, contents.get(item.blob, b"")) for item in found}
    if not files:
        raise GitError(f"{head}: an empty tree gives an agent nothing to work on")
    write_layer(folder, files)
    store.rename(folder / ".git")
    store = folder / ".git"
    git(store, "config", "core.bare", "false")
    (store / "info").mkdir(exist_ok=True)
    lines = [".clean_room/", "__pycache__/", *(f"/{path}" for path in sorted(ignored))]
    (store / "info" / "exclude").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (store / "info" / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")
    # Sizes and times of the files enter the index, or the first status would read them all.
    git(None, f"--git-dir={store}", f"--work-tree={folder}", "update-index", "-q", "--refresh")
