"""Repo packages that come in from outside: kept in one folder each, known by their bytes.

A package lies in ``ingested_packages/<repo>`` once it was proved; what speaks against one is the
business of ``packages.intake``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from cra_pipeline.contracts.packages import EnvironmentLock, EnvironmentRow, RepoManifest
from cra_pipeline.contracts.sources import SLUG, RepoSnapshot, RepoSource
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PackageError
from cra_pipeline.integrations.files import read_record, read_table
from cra_pipeline.integrations.git.address import parse_address
from cra_pipeline.integrations.git.clone import clone_pinned
from cra_pipeline.integrations.git.history import reachable_commits
from cra_pipeline.integrations.repo_package import read_manifest, walk_unfollowed
from cra_pipeline.integrations.wheels import adopt_wheel

INGESTED = "ingested_packages"
_MOST_NAME = 255
"""Bytes of a folder's name that a file system takes."""


def ingested_folder(layout: Layout, repo: str) -> Path:
    """Where the package of a repository lies once it was taken in."""
    return layout.partition(INGESTED, repo)


def ingested_manifest(layout: Layout, repo: str) -> RepoManifest | None:
    """Manifest of the package that was taken in for a repository, if one was.

    Raises:
        StoreError: It is damaged.
    """
    path = ingested_folder(layout, repo) / "manifest.json"
    return read_record(path, RepoManifest) if path.exists() else None


def given_row(
    layout: Layout, manifest: RepoManifest | None, sha: str
) -> tuple[EnvironmentRow, EnvironmentLock] | None:
    """Environment that a package brought for a commit; its wheels are in the store afterwards.

    Nothing is judged here but hashes: who uses it compares it with the commit first.

    Args:
        layout: The workspace.
        manifest: Of ``ingested_manifest``.
        sha: The commit.

    Raises:
        PackageError: A wheel is damaged.
        StoreError: The disk is full.
    """
    rows = {row.sha: row for row in manifest.environments} if manifest else {}
    row = rows.get(sha)
    if manifest is None or row is None or not row.lock_hash:
        return None
    lock = next(lock for lock in manifest.locks if lock.digest() == row.lock_hash)
    for pin in lock.wheels:
        path = ingested_folder(layout, manifest.repo) / "packages" / pin.filename
        adopt_wheel(layout, path, pin)
    return row, lock


def verified_commits(copy: Path, manifest: RepoManifest) -> frozenset[str]:
    """Commits of a copied package's history, once it was cloned from its objects and is whole.

    Raises:
        PackageError: The manifest names a commit that is not in it.
        SourceError: Objects are missing.
    """
    target = copy.parent / "clone.git"
    clone_pinned(parse_address(str(copy / "repo")), manifest.revision, target, copy.parent / "work")
    commits = reachable_commits(target)
    unknown = [row.sha for row in manifest.environments if row.sha not in commits]
    if unknown:
        raise PackageError(
            f"{manifest.repo}: commit {unknown[0]} of the manifest is not in the history of "
            f"{manifest.revision[:12]}: build the package again"
        )
    return commits


def is_known(
    layout: Layout, manifest: RepoManifest, content: bytes, commits: frozenset[str]
) -> bool:
    """Whether these very bytes were taken in before.

    Raises:
        PackageError: The key belongs to another repository.
    """
    older = ingested_folder(layout, manifest.repo) / "manifest.json"
    if older.exists():
        if older.read_bytes() == content:
            return True
        known = read_record(older, RepoManifest)
        if known.url != manifest.url or known.revision not in commits:
            raise PackageError(
                f"{manifest.repo}: a package of another history was taken in under this key "
                f"({known.url} at {known.revision[:12]}): give one of them another name"
            )
    table = layout.table("repo_snapshots", manifest.repo)
    if table.exists():
        held = read_table(table, RepoSnapshot)[0]
        if held.url not in {manifest.url, str(older.parent / "repo")}:
            raise PackageError(
                f"{manifest.repo}: this key belongs to {held.url} here, the package comes from "
                f"{manifest.url}: give one of them another name"
            )
    return False


def source_of_ingested(layout: Layout, repo: str) -> RepoSource:
    """Source entry of a package that was taken in: its repository, pinned as it was.

    Raises:
        StoreError: None was taken in under this key.
    """
    manifest = read_record(ingested_folder(layout, repo) / "manifest.json", RepoManifest)
    return RepoSource(
        name=repo,
        url=str(ingested_folder(layout, repo) / "repo"),
        revision=manifest.revision,
        domain=manifest.domain,
        roles=("P", "C"),
        tier="full",
        licence=manifest.licence,
    )


def unseen_drops(layout: Layout) -> tuple[tuple[str, str], ...]:
    """Name and content hash of dropped packages that were not taken in yet, sorted by name.

    The hash covers the manifest and the sizes of all files, so that a package whose last wheel
    arrives late is seen again. A manifest that is still being written (no JSON yet) is left alone.
    A folder that cannot be judged is named too, with the hash of what is wrong with it: taking it
    in says so, and its neighbours do not wait for it.
    """
    folders = sorted(layout.drops.iterdir()) if layout.drops.is_dir() else []
    found = ((folder.name, _content_hash(layout, folder)) for folder in folders)
    return tuple((name, digest) for name, digest in found if digest)


def _content_hash(layout: Layout, folder: Path) -> str:
    """Hash of what lies in a dropped folder; empty where there is nothing to take in."""
    try:
        if not _has_manifest(folder):
            return ""
        content = read_manifest(folder)
        repo = _stated_repo(content)
        if repo is None or _taken_in(layout, repo, content):
            return ""
        listing = json.dumps(sorted(walk_unfollowed(folder)))
    except PackageError as error:
        content, listing = b"", json.dumps(str(error))
    return hashlib.sha256(content + listing.encode()).hexdigest()


def _has_manifest(folder: Path) -> bool:
    """Whether anything, be it a link to nowhere, bears the manifest's name.

    Raises:
        PackageError: The folder cannot be looked into.
    """
    try:
        (folder / "manifest.json").lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise PackageError(
            f"{folder}: cannot be read ({error.strerror}): mend its rights"
        ) from error
    return True


def _stated_repo(content: bytes) -> str | None:
    """Key that a manifest states, empty where it states none; None where it is no JSON yet."""
    try:
        shape = json.loads(content)
    except ValueError:
        return None
    except RecursionError:
        return ""  # No manifest is nested like this, however it goes on.
    return str(shape.get("repo", "")) if isinstance(shape, dict) else ""


def _taken_in(layout: Layout, repo: str, content: bytes) -> bool:
    if not SLUG.match(repo) or len(repo) > _MOST_NAME:
        return False
    known = ingested_folder(layout, repo) / "manifest.json"
    return known.is_file() and known.read_bytes() == content
