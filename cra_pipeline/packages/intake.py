"""What a dropped repo package must fulfil before a single file of it is used.

Pure: judged are the manifest and a listing of what lies in the folder; hashes and the inside of
wheels are checked where the files are read. A package comes from a machine that may be hostile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from cra_pipeline.contracts.packages import EnvironmentRow, RepoManifest, TextFile
from cra_pipeline.contracts.sources import SLUG
from cra_pipeline.packages.climb import Climbed
from cra_pipeline.packages.project import Project
from cra_pipeline.packages.sealing import MANIFEST, TEST_COMMAND

_REPO_FILE = re.compile(
    r"repo/(?:HEAD|config|packed-refs|refs/heads/pinned"
    r"|objects/pack/pack-[0-9a-f]{40}\.(?:pack|idx))\Z"
)
_WHEEL_FILE = re.compile(r"packages/[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl\Z")
_SHIM_FILE = re.compile(
    r"[^/]+\.dist-info/(?:METADATA|INSTALLER|top_level\.txt|entry_points\.txt)\Z|bin/[\w.-]+\Z"
)
_STEERING = frozenset({"sitecustomize", "usercustomize", "conftest"})
"""Modules that Python or pytest import unasked."""
_SHA = re.compile(r"[0-9a-f]{40}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Dropped:
    """One entry of a dropped folder, as ``lstat`` sees it.

    Attributes:
        path: Relative, POSIX separators.
        kind: ``file``, ``folder``, ``link`` or ``other``.
        size: Bytes of a file.
    """

    path: str
    kind: str
    size: int


def parse_manifest(content: bytes, where: str) -> RepoManifest:
    """Read a manifest.

    Raises:
        ValueError: Unknown or missing fields, a wrong type, no JSON; the message says which.
    """
    return RepoManifest.parse_json(content, where=where)


def findings(manifest: RepoManifest, listing: Iterable[Dropped]) -> tuple[str, ...]:
    """Everything that speaks against a package, one sentence each; empty if nothing does."""
    entries = tuple(listing)
    return tuple(
        dict.fromkeys(
            [*_identity(manifest), *_paths(manifest), *_folder(manifest, entries), *_rows(manifest)]
        )
    )


def _identity(manifest: RepoManifest) -> Iterator[str]:
    if not SLUG.match(manifest.repo):
        yield (
            f"repo {manifest.repo!r} is no key: expected lower-case letters, digits, '.', '_' and "
            "'-'; name it otherwise where it is built"
        )
    if not _SHA.match(manifest.revision):
        yield f"revision {manifest.revision!r} is no full commit id of 40 hexadecimal digits"
    if manifest.test_command != TEST_COMMAND:
        yield f"test_command is {manifest.test_command}, expected {TEST_COMMAND}"


def _paths(manifest: RepoManifest) -> Iterator[str]:
    for file in manifest.files:
        if not (_REPO_FILE.match(file.path) or _WHEEL_FILE.match(file.path)):
            yield (
                f"file {file.path!r} has no place in a repo package: expected one git pack with "
                "its refs below repo/, and packages/*.whl"
            )
        if not _DIGEST.match(file.sha256):
            yield f"file {file.path!r}: {file.sha256!r} is no SHA-256"


def _folder(manifest: RepoManifest, entries: tuple[Dropped, ...]) -> Iterator[str]:
    stated = {file.path: file for file in manifest.files}
    real = {entry.path: entry for entry in entries if entry.kind != "folder"}
    for path, entry in sorted(real.items()):
        if entry.kind != "file":
            yield f"{path} is a {entry.kind}, expected plain files only"
        elif path != MANIFEST and path not in stated:
            yield f"{path} is not listed in the manifest: remove it, or build the package again"
        elif path in stated and entry.size != stated[path].size:
            yield f"{path} has {entry.size} bytes, expected {stated[path].size}: copy it again"
    for path in sorted(set(stated) - set(real)):
        yield f"{path} is missing: copy the package again, manifest.json last"


def _rows(manifest: RepoManifest) -> Iterator[str]:
    locks = {lock.digest(): lock for lock in manifest.locks}
    wheels = {
        PurePosixPath(file.path).name: file.sha256
        for file in manifest.files
        if file.path.startswith("packages/")
    }
    for lock in manifest.locks:
        for pin in lock.wheels:
            if wheels.get(pin.filename) != pin.sha256:
                yield (
                    f"wheel packages/{pin.filename} of lock {lock.digest()[:12]} is missing or has "
                    "another hash in the manifest; build the package again"
                )
    built = tuple(sorted(row.sha for row in manifest.environments if row.lock_hash))
    if built != manifest.commits:
        yield "commits and environments disagree: each commit needs one row with a lock"
    for row in manifest.environments:
        yield from _row(row, manifest.repo, locks)


def _row(row: EnvironmentRow, repo: str, locks: Iterable[str]) -> Iterator[str]:
    where = f"environment of {row.sha[:12]}"
    if row.repo != repo:
        yield f"{where} belongs to {row.repo!r}, expected {repo!r}"
    if not _SHA.match(row.sha):
        yield f"{where}: {row.sha!r} is no full commit id"
    if row.lock_hash and row.lock_hash not in locks:
        yield f"{where}: lock {row.lock_hash[:12]} is not in the manifest"
    yield from _laid(row, where)
    for argument in row.test_args:
        if argument not in {"-o", "addopts="}:
            yield f"{where}: pytest argument {argument!r} is not one that a ladder gives"


def _laid(row: EnvironmentRow, where: str) -> Iterator[str]:
    """What speaks against the files that a row lays beside and over a tree."""
    for path in (*(file.path for file in (*row.shim, *row.generated)), *row.import_roots):
        if not is_inside(path):
            yield f"{where}: path {path!r} leads out of its folder"
    for file in row.shim:
        if is_inside(file.path) and not _SHIM_FILE.match(file.path):
            yield f"{where}: {file.path!r} has no place in a shim: expected *.dist-info and bin/"
    for file in row.generated:
        if is_steering(file.path):
            yield f"{where}: {file.path!r} is no version file: Python or pytest run it unasked"


def is_steering(path: str) -> bool:
    """Whether a file is one that Python or pytest run without being asked to."""
    parts = PurePosixPath(path)
    return parts.suffix == ".pth" or not _STEERING.isdisjoint((parts.stem, *parts.parts[:-1]))


def distrust(row: EnvironmentRow, project: Project, leaks: Mapping[str, str]) -> str:
    """Why a row that was taken in is not used; empty where the commit itself gives the same.

    What is laid beside and over the tree decides what its tests run, so it is compared with what
    the ladder writes for the commit, byte for byte.

    Args:
        row: Of the package.
        project: The commit's, read from the history here.
        leaks: Wheels of its lock that hold the repository's own code, with the reason.
    """
    if leaks:
        return "; ".join(f"{name}: {reason}" for name, reason in sorted(leaks.items()))
    stated = (*row.shim, *row.generated)
    own = project.row(
        Climbed(lock=None, rung=row.rung, as_of=row.as_of, reason=row.reason), row.lock_hash
    )
    if strange := set(stated) ^ {*own.shim, *own.generated}:
        return f"{min(file.path for file in strange)} is not what the commit gives"
    if stated != (*own.shim, *own.generated):
        return "its files are in another order, or there twice"
    if row.import_roots != own.import_roots:
        return f"import roots {row.import_roots}, the commit gives {own.import_roots}"
    return ""


def is_inside(path: str) -> bool:
    """Whether a relative path stays below the folder that it starts from."""
    parts = PurePosixPath(path).parts
    clean = "\\" not in path and "\0" not in path and bool(path)
    return clean and not path.startswith("/") and ".." not in parts and ".git" not in parts


def safe_files(files: Iterable[TextFile]) -> bool:
    """Whether all paths of some text files stay inside."""
    return all(is_inside(file.path) for file in files)
