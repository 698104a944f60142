"""The blocking check of a repo package: rows and manifest agree with each other and the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from packaging.utils import canonicalize_name

from cra_pipeline.contracts.packages import EnvironmentLock, EnvironmentRow, RepoManifest


def judge_package(
    rows: tuple[EnvironmentRow, ...],
    chosen: Iterable[str],
    manifest: RepoManifest,
    on_disk: Mapping[str, EnvironmentLock],
    damaged: Iterable[str],
) -> tuple[str, ...]:
    """What does not hold, one sentence each.

    Args:
        rows: The table.
        chosen: Ids of the commits that should have a row.
        manifest: Of the repo package.
        on_disk: Locks whose environment is there, by hash.
        damaged: Files of the package whose bytes are not those that the manifest states.
    """
    return (
        *_one_row_each(rows, chosen),
        *_locks(rows, manifest, on_disk),
        *(f"{path}: missing or of other bytes than its manifest says" for path in damaged),
        *_agreement(rows, manifest),
    )


def _one_row_each(rows: tuple[EnvironmentRow, ...], chosen: Iterable[str]) -> Iterator[str]:
    counted = Counter(row.sha for row in rows)
    wanted = set(chosen)
    for sha in sorted(wanted - set(counted)):
        yield f"commit {sha[:12]} has no row"
    for sha, count in sorted(counted.items()):
        if sha not in wanted:
            yield f"commit {sha[:12]} has a row but was not chosen"
        elif count > 1:
            yield f"commit {sha[:12]} has {count} rows"


def _locks(
    rows: tuple[EnvironmentRow, ...], manifest: RepoManifest, on_disk: Mapping[str, EnvironmentLock]
) -> Iterator[str]:
    for row in rows:
        if bool(row.lock_hash) == bool(row.reason):
            yield f"commit {row.sha[:12]} needs either a lock or a reason, not both or neither"
        if row.lock_hash and row.lock_hash not in on_disk:
            yield f"commit {row.sha[:12]}: environment {row.lock_hash[:12]} is not on disk"
    own = {name for row in rows for name in own_names(row)}
    for key, lock in sorted(on_disk.items()):
        if lock.digest() != key:
            yield f"lock {key[:12]} has the digest {lock.digest()[:12]}"
        for pin in lock.wheels:
            if pin.name in own:
                yield f"lock {key[:12]} holds {pin.name}, the repository's own distribution"
    if {lock.digest() for lock in manifest.locks} != {row.lock_hash for row in rows} - {""}:
        yield "the manifest's locks are not those of the table"


def own_names(row: EnvironmentRow) -> set[str]:
    """Distribution names that a row's shim stands for."""
    infos = {file.path.split("/")[0] for file in row.shim if ".dist-info/" in file.path}
    return {canonicalize_name(info.partition("-")[0]) for info in infos}


def _agreement(rows: tuple[EnvironmentRow, ...], manifest: RepoManifest) -> Iterator[str]:
    if tuple(sorted(rows, key=lambda row: row.sha)) != manifest.environments:
        yield "the manifest's environments are not those of the table"
