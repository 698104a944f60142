"""Repo packages on disk: written whole or not at all, and taken in without trusting them."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.contracts.packages import ManifestFile, RepoManifest, WheelPin
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PackageError, StoreError
from cra_pipeline.integrations.envs import link_file
from cra_pipeline.integrations.git.clone import PINNED
from cra_pipeline.integrations.git.history import refs, single_pack, write_pack
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.wheels import file_sha256, stored, verify_wheel

_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
_CHUNK = 1 << 20
MOST_MANIFEST = 256 << 20
"""Bytes of a ``manifest.json``: more is refused unread."""


def write_package(
    layout: Layout,
    snapshot: Path,
    wheels: Iterable[WheelPin],
    target: Path,
    manifest_of: Callable[[tuple[ManifestFile, ...]], bytes],
) -> None:
    """Lay out ``repo/``, ``packages/`` and ``manifest.json`` and put them in place at once.

    Args:
        layout: The workspace with the wheel store.
        snapshot: Bare clone that ``repo/`` repeats.
        wheels: Hard-linked from the store.
        target: Folder of the package; an older one is replaced.
        manifest_of: Bytes of the manifest for the files that were laid out.

    Raises:
        StoreError: The disk is full; the older package stays.
    """
    with _scratch(layout) as folder:
        fresh = folder / "package"
        try:
            _write_repo(snapshot, fresh / "repo", folder)
            (fresh / "packages").mkdir()
            for pin in wheels:
                link_file(stored(layout, pin), fresh / "packages" / pin.filename)
            content = manifest_of(listed(fresh))
            if _same(target, content):
                return
            (fresh / "manifest.json").write_bytes(content)
            replace_folder(fresh, target, folder / "old")
        except OSError as error:
            raise StoreError(
                f"{target}: could not be written ({error.strerror}): free disk space, then run the "
                "same command again; finished work is kept"
            ) from error


@contextmanager
def _scratch(layout: Layout) -> Iterator[Path]:
    layout.scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=layout.scratch, prefix=prefix_of("package")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_repo(snapshot: Path, repo: Path, folder: Path) -> None:
    """A bare clone in the smallest form: HEAD, config, refs as text, one pack."""
    packs = repo / "objects" / "pack"
    packs.mkdir(parents=True)
    for path in single_pack(snapshot) or write_pack(snapshot, folder):
        link_file(path, packs / path.name)
    lines = ["# pack-refs with: peeled fully-peeled sorted \n"]
    for name, oid, peeled in refs(snapshot):
        lines.append(f"{oid} {name}\n" + (f"^{peeled}\n" if peeled else ""))
        if name == PINNED:
            # A loose ref as well: git wants the folder refs/ to be there, also after a copy.
            (repo / name).parent.mkdir(parents=True)
            (repo / name).write_text(f"{oid}\n")
    (repo / "packed-refs").write_text("".join(lines))
    (repo / "HEAD").write_text(f"ref: {PINNED}\n")
    (repo / "config").write_text(_CONFIG)


def listed(folder: Path) -> tuple[ManifestFile, ...]:
    """All files below a folder but its manifest, with hash and size, sorted by path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(
        ManifestFile(
            path=path.relative_to(folder).as_posix(),
            sha256=file_sha256(path),
            size=path.stat().st_size,
        )
        for path in paths
        if path != folder / "manifest.json"
    )


def _same(target: Path, content: bytes) -> bool:
    manifest = target / "manifest.json"
    return (
        manifest.is_file()
        and manifest.read_bytes() == content
        and not damaged_files(target, RepoManifest.parse_json(content, where=str(manifest)))
    )


def replace_folder(fresh: Path, target: Path, old: Path) -> None:
    """Put a finished folder in place of an older one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)


def damaged_files(folder: Path, manifest: RepoManifest) -> tuple[str, ...]:
    """Files that are missing or of other bytes than the manifest says, sorted."""
    return tuple(
        file.path
        for file in manifest.files
        if not (folder / file.path).is_file() or file_sha256(folder / file.path) != file.sha256
    )


def walk_unfollowed(folder: Path) -> Iterator[tuple[str, str, int]]:
    """Path, kind (``file``, ``folder``, ``link``, ``other``) and size of all entries, unfollowed.

    Raises:
        PackageError: ``folder`` itself is no folder, or cannot be read.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise PackageError(f"{folder}: expected the folder of a repo package")
    try:
        waiting = [folder]
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in sorted(entries, key=lambda item: item.name):
                    status = entry.stat(follow_symlinks=False)
                    path = Path(entry.path).relative_to(folder).as_posix()
                    yield path, _kind(status.st_mode), status.st_size
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(Path(entry.path))
    except OSError as error:
        raise PackageError(
            f"{folder}: cannot be read ({error.strerror}): mend its rights"
        ) from error


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def read_manifest(folder: Path) -> bytes:
    """Bytes of a dropped ``manifest.json``.

    Raises:
        PackageError: It is missing, no plain file, or too large.
    """
    path = folder / "manifest.json"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise PackageError(
            f"{path}: cannot be read ({error.strerror}): expected a repo package with repo/, "
            "packages/ and manifest.json"
        ) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_MANIFEST:
        os.close(handle)
        raise PackageError(f"{path}: expected a plain file of at most {MOST_MANIFEST} bytes")
    with os.fdopen(handle, "rb") as file:
        return file.read()


@contextmanager
def copied_package(layout: Layout, source: Path, manifest: RepoManifest) -> Iterator[Path]:
    """A copy of exactly the listed files whose hashes hold, for the time of the block.

    What is judged from here on is the copy: the source may change meanwhile.

    Raises:
        PackageError: A file is no plain file, has another hash, or a wheel is no wheel.
        StoreError: The disk is full; nothing stays.
    """
    with _scratch(layout) as folder:
        copy = folder / "package"
        try:
            for file in manifest.files:
                _copy(source, copy, file)
        except OSError as error:
            raise StoreError(
                f"{source}: could not be copied ({error.strerror}): free disk space, then drop it "
                "again; nothing was taken in"
            ) from error
        for file in manifest.files:
            if file.path.endswith(".whl"):
                verify_wheel(copy / file.path)
        yield copy


def _copy(source: Path, copy: Path, file: ManifestFile) -> None:
    target = copy / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(source / file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    digest = hashlib.sha256()
    with os.fdopen(handle, "rb") as reader, target.open("wb") as writer:
        if not stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
            raise PackageError(f"{file.path}: expected a plain file")
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
    if digest.hexdigest() != file.sha256:
        raise PackageError(
            f"{file.path}: hash is {digest.hexdigest()}, expected {file.sha256}: it is damaged or "
            "forged; copy the package again"
        )


def place_package(copy: Path, manifest: bytes, target: Path) -> None:
    """Finish a copy by its manifest and put it in place at once.

    Raises:
        StoreError: The disk is full; an older package stays.
    """
    try:
        (copy / "manifest.json").write_bytes(manifest)
        replace_folder(copy, target, copy.with_name("old"))
    except OSError as error:
        raise StoreError(
            f"{target}: could not be written ({error.strerror}): free disk space, then drop the "
            "package again"
        ) from error
