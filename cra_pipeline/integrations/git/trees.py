"""What the trees of commits hold, and how two of them differ, contents included.

Nothing is written here: ``checkout`` puts trees on disk, ``patches`` applies patches, ``walk``
reads history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import git

LINK = "120000"
GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree; the id of a gitlink names no blob of this repository."""

    mode: str
    blob: str
    path: str


def safe_path(path: str, *, where: str) -> str:
    """The path itself, if it stays in its tree and out of ``.git``.

    Raises:
        GitError: It does not.
    """
    parts = path.split("/")
    odd = {"", ".", ".."} & set(parts) or any(part.lower() == ".git" for part in parts)
    if odd or "\\" in path or "\0" in path:
        raise GitError(
            f"{where}: path {path!r} leaves the tree or enters .git; such a tree is not used"
        )
    return path


def entries(snapshot: Path, commit: str) -> tuple[Entry, ...]:
    """All paths of a commit's tree, sorted.

    Raises:
        GitError: The tree is missing, or a path is unsafe or no UTF-8.
    """
    listing = git(snapshot, "ls-tree", "-r", "-z", "--full-tree", commit)
    return tuple(sorted((_entry(line, commit) for line in _fields(listing)), key=_by_path))


def _by_path(entry: Entry) -> str:
    return entry.path


def _fields(listing: bytes) -> list[bytes]:
    return listing.split(b"\0")[:-1]


def _entry(line: bytes, where: str) -> Entry:
    head, _, name = line.partition(b"\t")
    mode, _, blob = head.decode().split(" ")
    return Entry(mode, blob, safe_path(utf8_path(name, where), where=where))


def utf8_path(name: bytes, where: str) -> str:
    """A path as text.

    Raises:
        GitError: It is no UTF-8: records could not hold it.
    """
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise GitError(f"{where}: path {name!r} is no UTF-8; such a tree is not used") from error


def read_blobs(
    snapshot: Path, ids: Iterable[str], *, extra: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """Contents by blob id, in one process.

    Raises:
        GitError: A blob is missing, such as in a partial clone; the message names it.
    """
    wanted = sorted(set(ids))
    stdin = "".join(f"{blob}\n" for blob in wanted).encode()
    output = git(snapshot, "cat-file", "--batch", stdin=stdin, extra=dict(extra or {}))
    found: dict[str, bytes] = {}
    position = 0
    for blob in wanted:
        line_end = output.index(b"\n", position)
        head = output[position:line_end].split()
        if head[-1] == b"missing":
            raise GitError(f"{snapshot}: blob {blob} is missing: clone the repository in full")
        size = int(head[2])
        found[blob] = output[line_end + 1 : line_end + 1 + size]
        position = line_end + 2 + size
    return found


def tree_id(snapshot: Path, commit: str) -> str:
    """Id of a commit's tree.

    Raises:
        GitError: There is no such commit.
    """
    found = git(snapshot, "rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")
    return found.decode().strip()


def change(snapshot: Path, base: str, commit: str) -> TreeChange:
    """Files that differ from one commit's tree to another's; renames are two paths.

    Raises:
        GitError: A tree or blob is missing, or a path is unsafe.
    """
    listing = git(snapshot, "diff-tree", "-r", "-z", "--no-renames", "--raw", base, commit)
    return raw_change(snapshot, listing, where=commit)


def raw_change(
    snapshot: Path, listing: bytes, *, where: str, extra: Mapping[str, str] | None = None
) -> TreeChange:
    """A change from git's ``--raw -z`` lines, contents included."""
    before: dict[str, tuple[str, str]] = {}
    after: dict[str, tuple[str, str]] = {}
    fields = _fields(listing)
    for head, name in zip(fields[::2], fields[1::2], strict=True):
        old_mode, new_mode, old_blob, new_blob, _ = head.decode().removeprefix(":").split(" ")
        path = safe_path(utf8_path(name, where), where=where)
        if set(old_mode) != {"0"}:
            before[path] = (old_mode, old_blob)
        if set(new_mode) != {"0"}:
            after[path] = (new_mode, new_blob)
    blobs = [blob for mode, blob in (*before.values(), *after.values()) if mode != GITLINK]
    contents = read_blobs(snapshot, blobs, extra=extra)
    sides = [
        {path: Blob(mode, contents.get(blob, b"")) for path, (mode, blob) in side.items()}
        for side in (before, after)
    ]
    return TreeChange(*sides)


def files_at(snapshot: Path, commit: str, paths: Iterable[str]) -> dict[str, Blob]:
    """Content of the given paths at a commit; those that it lacks are absent.

    Raises:
        GitError: The tree or a blob is missing.
    """
    wanted = set(paths)
    found = [item for item in entries(snapshot, commit) if item.path in wanted]
    contents = read_blobs(snapshot, (item.blob for item in found if item.mode != GITLINK))
    return {item.path: Blob(item.mode, contents.get(item.blob, b"")) for item in found}
