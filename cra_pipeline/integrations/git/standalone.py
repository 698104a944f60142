"""A repository of its own whose history ends at a prepared commit: nothing later is in it.

The agent works in a view of it that is thrown away, so one repository serves every attempt on a
task. It holds no object of later commits, no remote, no hook, and shares no file with the clone.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from cra_pipeline.diffs import Blob
from cra_pipeline.errors import GitError, StoreError
from cra_pipeline.integrations.git.checkout import write_layer
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.git.trees import GITLINK, LINK, entries, read_blobs
from cra_pipeline.integrations.leftovers import prefix_of

BRANCH = "main"
DEPTH = 501
"""Commits that are kept: the agent reads 500."""
_SUBJECT = "Prepare the tree"
_ATTRIBUTES = "* -text -filter -ident -diff -merge !working-tree-encoding\n"
"""Wins over the tree's own: what lies on disk is what git stores, byte for byte."""
_NOTHING = "0" * 40
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
            store, folder = Path(scratch) / "git", Path(scratch) / "tree"
            # The sandbox may look at it as another user.
            Path(scratch).chmod(0o755)
            _fetch(snapshot, base, store)
            tamed = _lay_out(store, _index(store, changed, frozenset(deleted)), folder)
            head = _commit(store, base, tamed)
            _join(store, folder, ignored)
            folder.rename(target)
    except OSError as error:
        raise StoreError(
            f"{target}: could not be written ({error.strerror}): free disk space, then run the "
            "same command again; finished work is kept"
        ) from error
    return head


def _fetch(snapshot: Path, base: str, store: Path) -> None:
    git(None, "init", "--quiet", "--bare", "--template=", str(store))
    address = f"file://{snapshot.absolute()}"
    git(
        store, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", f"--depth={DEPTH}",
        address, f"{base}:refs/heads/{BRANCH}",
    )  # fmt: skip
    git(store, "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    git(store, "read-tree", base)


def _index(store: Path, changed: Mapping[str, Blob], deleted: frozenset[str]) -> str:
    """Bring the index to the prepared tree, whose id is returned."""
    lines = [f"0 {_NOTHING}\t{path}" for path in sorted(deleted)]
    for path, blob in sorted(changed.items()):
        stored = git(store, "hash-object", "-w", "--stdin", stdin=blob.content).decode().strip()
        lines.append(f"{blob.mode} {stored}\t{path}")
    return _written(store, lines)


def _written(store: Path, lines: list[str]) -> str:
    git(store, "update-index", "-z", "--index-info", stdin="\0".join([*lines, ""]).encode())
    return git(store, "write-tree").decode().strip()


def _lay_out(store: Path, tree: str, folder: Path) -> list[str]:
    """Write the tree's files; lines for the index of links that became ordinary files."""
    found = entries(store, tree)
    contents = read_blobs(store, (item.blob for item in found if item.mode != GITLINK))
    files = {item.path: Blob(item.mode, contents.get(item.blob, b"")) for item in found}
    if not files:
        raise GitError(f"{tree}: an empty tree gives an agent nothing to work on")
    write_layer(folder, files)
    return [
        f"100644 {item.blob}\t{item.path}"
        for item in found
        if item.mode == LINK and not (folder / item.path).is_symlink()
    ]


def _commit(store: Path, base: str, tamed: list[str]) -> str:
    # Else git would call such a file changed, and the agent wants a clean tree.
    tree = _written(store, tamed)
    if tree == git(store, "rev-parse", f"{base}^{{tree}}").decode().strip():
        return base
    made = git(store, "commit-tree", tree, "-p", base, "-m", _SUBJECT, extra=_HEAD_TIME)
    head = made.decode().strip()
    git(store, "update-ref", f"refs/heads/{BRANCH}", head)
    return head


def _join(store: Path, folder: Path, ignored: Iterable[str]) -> None:
    """Make the store the repository of the folder."""
    inner = folder / ".git"
    store.rename(inner)
    git(inner, "config", "core.bare", "false")
    (inner / "info").mkdir(exist_ok=True)
    lines = [".clean_room/", "__pycache__/", *(_literal(path) for path in sorted(ignored))]
    (inner / "info" / "exclude").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (inner / "info" / "attributes").write_text(_ATTRIBUTES, encoding="utf-8")
    # Sizes and times of the files enter the index, or the first status would read them all.
    git(None, f"--git-dir={inner}", f"--work-tree={folder}", "update-index", "-q", "--refresh")


def _literal(path: str) -> str:
    """The path as a pattern that fits nothing else."""
    return "/" + re.sub(r"([\\*?\[ ])", r"\\\1", path)
