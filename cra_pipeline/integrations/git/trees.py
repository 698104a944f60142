"""What the trees of commits hold, and how two of them differ, contents included.

Nothing is written here: ``checkout`` puts trees on disk, ``patches`` applies patches, ``walk``
reads history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cra_pipeline.diffs import Blob
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


@dataclass(frozen=True, slots=True)
class TreeChange:
    """Files that differ between two trees.

    Attributes:
        before: Earlier content by path; added files are absent.
        after: Later content by path; deleted files are absent.
    """

    before: dict[str, Blob]
    after: dict[str, Blob]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that differs, sorted."""
        return tuple(sorted({*self.before, *self.after}))

    def only(self, paths: Iterable[str]) -> TreeChange:
        """The part of the change that lies in the given paths."""
        wanted = set(paths)
        return TreeChange(
            {path: blob for path, blob in self.before.items() if path in wanted},
            {path: blob for path, blob in self.after.items() if path in wanted},
        )

    @property
    def deleted(self) -> tuple[str, ...]:
        """Paths to remove once ``after`` is laid over the earlier tree, sorted.

        A file in whose place a folder came, or the other way round, is gone already.
        """
        gone = set(self.before) - set(self.after)
        folders = {str(parent) for path in self.after for parent in PurePosixPath(path).parents}
        return tuple(
            sorted(
                path
                for path in gone
                if path not in folders
                and not any(str(parent) in self.after for parent in PurePosixPath(path).parents)
            )
        )


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
