"""A git directory of our own over the objects of a repository on this machine.

Only its refs are copied, as text; its configuration, hooks, grafts, replacements and attributes
are never read. Its objects are reached through ``alternates``, so nothing is copied twice.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.errors import SourceError

_REF_FOLDERS = ("refs/heads", "refs/tags", "refs/remotes")
_REF_BYTES = 4096
_PACKED_BYTES = 64 << 20
_REF_TEXT = re.compile(rb"(?:[0-9a-f]{40}|ref: refs/[^\0\n]+)\s*")


@dataclass(frozen=True, slots=True)
class GitFolders:
    """Where a repository keeps its own HEAD, and where the parts shared between worktrees lie."""

    head: Path
    common: Path


def locate(source: Path) -> GitFolders:
    """Find the git directory of a bare repository, a checkout or a linked worktree.

    Raises:
        SourceError: ``source`` is none of them.
    """
    inner = source / ".git"
    folder = source
    if inner.is_dir():
        folder = inner
    elif inner.is_file():
        folder = _pointed_to(inner, rb"gitdir: (.+)")
    common = folder / "commondir"
    shared = _pointed_to(common, rb"(.+)") if common.is_file() else folder
    if not (folder / "HEAD").is_file() or not (shared / "objects").is_dir():
        raise SourceError(
            f"{source}: not a git repository (no HEAD and objects): give the top folder of a "
            "checkout, or a bare repository; `git init` and a first commit make one"
        )
    return GitFolders(head=folder, common=shared)


def _pointed_to(file: Path, pattern: bytes) -> Path:
    match = re.fullmatch(pattern + rb"\r?\n?", read_small(file, _REF_BYTES))
    if match is None:
        raise SourceError(f"{file}: points to no git directory: mend it with `git worktree repair`")
    return (file.parent / match[1].decode(errors="surrogateescape")).resolve()


def read_small(file: Path, limit: int) -> bytes:
    """Content of a regular file of at most ``limit`` bytes; a link or a pipe is refused.

    Raises:
        SourceError: As said, or it cannot be read.
    """
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            raise SourceError(
                f"{file}: {found.st_size} bytes of another kind than a plain file of at most "
                f"{limit} bytes: this is no ordinary repository"
            )
        return file.read_bytes()
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror}): mend its rights") from error


def refuse_incomplete(source: Path, folders: GitFolders) -> None:
    """Refuse what cannot give a whole history of its own.

    Raises:
        SourceError: Shallow, borrowing from another repository, or of a format git 2.39 cannot
            read; the message holds the command that mends it.
    """
    objects = folders.common / "objects"
    if (folders.common / "shallow").exists():
        raise SourceError(
            f"{source}: a shallow clone, its history is cut off: run `git -C {source} fetch "
            "--unshallow`, then add it again"
        )
    for link in (objects / "info" / "alternates", objects / "info" / "http-alternates"):
        if link.is_symlink() or link.exists():
            raise SourceError(
                f"{source}: borrows objects from another repository ({link}): run "
                f"`git -C {source} repack -a -d` and delete that file, then add it again"
            )
    if objects.is_symlink():
        raise SourceError(f"{objects}: a link: give the repository that it points into")
    if (folders.common / "reftable").exists():
        raise SourceError(
            f"{source}: keeps its refs as reftable: run `git -C {source} refs migrate "
            "--ref-format=files`, or add a fresh bare clone of it"
        )


def is_partial(folders: GitFolders) -> bool:
    """Whether some pack came from a partial clone, so that objects may be missing on purpose."""
    return any((folders.common / "objects" / "pack").glob("*.promisor"))


def copy_refs(folders: GitFolders, target: Path) -> None:
    """Copy HEAD, branches, tags and remote branches into the git directory ``target``.

    Raises:
        SourceError: A ref file is no ordinary one, or the ids are those of SHA-256.
    """
    packed = folders.common / "packed-refs"
    if packed.exists():
        (target / "packed-refs").write_bytes(read_small(packed, _PACKED_BYTES))
    for file in _loose_refs(folders.common):
        copy = target / file.relative_to(folders.common)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(_ref_text(file))
    (target / "HEAD").write_bytes(_ref_text(folders.head / "HEAD"))


def _ref_text(file: Path) -> bytes:
    content = read_small(file, _REF_BYTES)
    if not _REF_TEXT.fullmatch(content):
        raise SourceError(
            f"{file}: {content[:80]!r} is no ref with a 40-digit id: SHA-256 repositories are not "
            "taken, a damaged one is mended with `git fsck`"
        )
    return content


def _loose_refs(common: Path) -> Iterator[Path]:
    for folder in _REF_FOLDERS:
        for file in sorted((common / folder).rglob("*")):
            if not file.is_dir() and not file.name.endswith(".lock"):
                yield file


def lend_objects(folders: GitFolders, target: Path) -> None:
    """Let ``target`` read the source's objects in place.

    Raises:
        SourceError: The path holds a line break, which the format cannot express.
    """
    objects = str((folders.common / "objects").resolve())
    if "\n" in objects:
        raise SourceError(f"{objects!r}: a line break in the path: move the repository")
    info = target / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_text(f"{objects}\n", encoding="utf-8", errors="surrogateescape")
