"""Trees on disk, written by this project and never by git's own checkout.

Blobs go to disk byte for byte: no filter, attribute, end-of-line rule or hook of the repository has
a say. Whole trees are cached by their id; layers are small folders of the caller's own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.diffs import Blob
from cra_pipeline.integrations.git.trees import GITLINK, LINK, entries, read_blobs, tree_id
from cra_pipeline.integrations.leftovers import TREES, prefix_of

CACHE_BYTES = 2 << 30
"""Least recently used trees beyond this size are removed, unless somebody uses them."""
_HIDDEN = ".part-"
_STALE_S = 3600
"""Half-written trees of killed runs are removed after so many seconds."""


def write_layer(folder: Path, files: Mapping[str, Blob]) -> Path:
    """Write files below a new folder: links only where they stay inside, gitlinks as folders.

    A link that leads out of the folder becomes an ordinary file that holds its target's name.
    """
    folder.mkdir(parents=True)
    links: list[Path] = []
    for path, blob in sorted(files.items()):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if blob.mode == GITLINK:
            target.mkdir(exist_ok=True)
        elif blob.mode == LINK:
            links.append(target)
        else:
            _write_file(target, blob)
    # Last: nothing can be written through a link that is not there yet.
    for target in links:
        _write_link(target, files[target.relative_to(folder).as_posix()])
    for target in links:
        _tame(folder, target)
    return folder


def _write_file(target: Path, blob: Blob) -> None:
    mode = 0o755 if blob.mode == "100755" else 0o644
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(blob.content)
        os.fchmod(file.fileno(), mode)


def _write_link(target: Path, blob: Blob) -> None:
    name = os.fsdecode(blob.content)
    if not name or "\0" in name or name.startswith("/"):
        _write_file(target, blob)
    else:
        target.symlink_to(name)


def _tame(folder: Path, target: Path) -> None:
    """Asked of the disk, because links through links lead out although each looks harmless."""
    if target.is_symlink() and not target.resolve().is_relative_to(folder.resolve()):
        name = target.readlink()
        target.unlink()
        _write_file(target, Blob("100644", os.fsencode(name)))


@contextmanager
def checked_out(
    layout: Layout, snapshot: Path, commit: str, *, cache_bytes: int = CACHE_BYTES
) -> Iterator[Path]:
    """A commit's tree as a read-only folder, kept for later below ``scratch/trees``.

    The folder is shared by all users of the same tree and must not be written to.

    Args:
        layout: The workspace.
        snapshot: Bare clone.
        commit: Its tree is shown.
        cache_bytes: Size of the cache that unused trees may fill.

    Raises:
        GitError: The tree cannot be read or holds an unsafe path.
    """
    cache = layout.scratch / TREES
    cache.mkdir(parents=True, exist_ok=True)
    name = tree_id(snapshot, commit)
    # A shared lock for as long as the tree is used; the system drops it when we are killed.
    with (cache / f"{name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        folder = cache / name
        if not folder.is_dir():
            _publish(snapshot, commit, folder, lock)
            _evict(cache, cache_bytes)
        os.utime(folder)
        yield folder


def _publish(snapshot: Path, commit: str, folder: Path, lock: IO[bytes]) -> None:
    found = entries(snapshot, commit)
    contents = read_blobs(snapshot, (item.blob for item in found if item.mode != GITLINK))
    files = {item.path: Blob(item.mode, contents.get(item.blob, b"")) for item in found}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix_of(".part")) as scratch:
        Path(scratch).chmod(0o755)
        written = write_layer(Path(scratch) / "tree", files)
        # The lock file holds the size, so that eviction needs no walk.
        lock.truncate(0)
        lock.write(str(sum(len(blob.content) for blob in files.values())).encode())
        lock.flush()
        try:
            written.rename(folder)
        except OSError:
            # Another process was faster; its tree has the same id, so the same content.
            if not folder.is_dir():
                raise


def _evict(cache: Path, limit: int) -> None:
    """Remove least recently used trees that nobody holds until the rest fits."""
    folders = [path for path in cache.iterdir() if path.is_dir()]
    for left in folders:
        if left.name.startswith(_HIDDEN) and _last_use(left) < time.time() - _STALE_S:
            shutil.rmtree(left, ignore_errors=True)
    trees = sorted((path for path in folders if path.name[0] != "."), key=_last_use)
    total = sum(_size(path) for path in trees)
    for folder in trees:
        if total <= limit:
            return
        if _removed(folder):
            total -= _size(folder)


def _removed(folder: Path) -> bool:
    with folder.with_name(f"{folder.name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix_of(".part")) as scratch:
            # Away at once: a kill during the removal must not leave half a tree in place.
            try:
                folder.rename(Path(scratch) / "tree")
            except FileNotFoundError:
                return False
    return True


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(folder: Path) -> int:
    return int(folder.with_name(f"{folder.name}.lock").read_bytes() or b"0")
