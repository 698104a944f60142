"""The manifest of a repo package, put together from rows, locks and the listing of its files."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping

from cra_pipeline.contracts.packages import (
    EnvironmentLock,
    EnvironmentRow,
    ManifestFile,
    RepoManifest,
    WheelPin,
)
from cra_pipeline.contracts.sources import RepoSnapshot

TEST_COMMAND = ("python", "-m", "pytest")
MANIFEST = "manifest.json"
REPO = "repo"
WHEELS = "packages"


def used_locks(
    rows: Iterable[EnvironmentRow], locks: Mapping[str, EnvironmentLock]
) -> tuple[EnvironmentLock, ...]:
    """Locks that some row needs, sorted by their hash."""
    return tuple(locks[key] for key in sorted({row.lock_hash for row in rows if row.lock_hash}))


def used_wheels(locks: Iterable[EnvironmentLock]) -> tuple[WheelPin, ...]:
    """Wheels of some locks, each once, sorted by file name and hash.

    Raises:
        ValueError: Two different wheels have one file name: they cannot lie in one folder.
    """
    pins = sorted(
        {pin for lock in locks for pin in lock.wheels}, key=lambda pin: (pin.filename, pin.sha256)
    )
    for one, other in itertools.pairwise(pins):
        if one.filename == other.filename and one.sha256 != other.sha256:
            raise ValueError(
                f"{one.filename}: two wheels of this name, {one.sha256[:12]} and "
                f"{other.sha256[:12]}: the index changed it; delete `resolutions` and build again"
            )
    return tuple(pins)


def repo_manifest(
    snapshot: RepoSnapshot,
    rows: Iterable[EnvironmentRow],
    locks: tuple[EnvironmentLock, ...],
    files: Iterable[ManifestFile],
    python: str,
) -> RepoManifest:
    """Everything that is needed to run the tests offline, in an order that repeats.

    Args:
        snapshot: Where the repository came from.
        rows: One per commit, in any order.
        locks: Of ``used_locks``.
        files: All files of ``repo/`` and ``packages/``, in any order.
        python: Version of the interpreter that the locks are for.
    """
    environments = tuple(sorted(rows, key=lambda row: row.sha))
    return RepoManifest(
        schema_version=1,
        repo=snapshot.repo,
        url=snapshot.url,
        revision=snapshot.revision,
        domain=snapshot.domain,
        licence=snapshot.licence,
        python=python,
        test_command=TEST_COMMAND,
        commits=tuple(row.sha for row in environments if row.lock_hash),
        locks=locks,
        environments=environments,
        files=tuple(sorted(files, key=lambda file: file.path)),
    )


def manifest_bytes(manifest: RepoManifest) -> bytes:
    """The text of ``manifest.json``: equal manifests give equal bytes."""
    shape = manifest.model_dump(mode="json")
    return (json.dumps(shape, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
