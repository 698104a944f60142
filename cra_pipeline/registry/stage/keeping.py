"""Each version's own copy of its files: a retrained round or a new report replaces none of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.gates import GateReport
from cra_pipeline.contracts.registry import VersionState
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError, RegistryError, StoreError
from cra_pipeline.integrations.adapter_files import (
    CONFIG,
    MANIFEST,
    WEIGHTS,
    adapter_digest,
    read_adapter,
)
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline.registry.versions import is_version

REPORT = "gate.json"
_KEPT = (WEIGHTS, CONFIG, MANIFEST)

Vet = Callable[[Path], AdapterManifest]
"""Manifest of an adapter's folder; raises a ``GuardError`` where its files may not be served."""


def sound_adapter(folder: Path) -> AdapterManifest:
    """Manifest of an adapter whose files are whole and may be served on the base of its recipe.

    Raises:
        StoreError: There is no manifest: it was not trained here, or is half-written.
        GuardError: The files are not those of the manifest, or no server should load them.
    """
    try:
        told = read_record(folder / MANIFEST, AdapterManifest)
    except StoreError as error:
        raise StoreError(
            f"{error}; an adapter without it is half-written, or another program's: that one has "
            "no recipe, no datasets and no base that are known, so it is never registered: train "
            "the kind here (cra-pipeline run adapter)"
        ) from error
    return read_adapter(folder, base_digest=told.recipe.base_digest)


def keep(layout: Layout, version: str, adapter: Path, report: Path) -> None:
    """Copy a version's files, whole or not at all; what a killed registration left is replaced.

    Raises:
        StoreError: A file is missing, or the disk is full.
    """
    target = layout.adapter_version(version)
    layout.scratch.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(dir=layout.scratch, prefix=prefix_of(".part")))
    try:
        for source in (*(adapter / name for name in _KEPT), report):
            shutil.copyfile(source, half / source.name)
        half.chmod(0o755)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        half.rename(target)
    except OSError as error:
        raise StoreError(
            f"{error.filename or target}: {version} could not be kept ({error.strerror}): make the "
            "adapter and its gate report, or free disk space, then run again; nothing was entered"
        ) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def versions_kept(layout: Layout) -> set[str]:
    """Names of versions whose folders are there, those that the ledger does not know included."""
    folder = layout.adapter_version("any").parent
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    return {name for name in names if any(is_version(name, kind) for kind in ADAPTER_KINDS)}


def kept_manifest(layout: Layout, version: str) -> AdapterManifest:
    """How a version was trained.

    Raises:
        StoreError: It is missing or damaged.
    """
    return read_record(layout.adapter_version(version) / MANIFEST, AdapterManifest)


def kept_report(layout: Layout, version: str) -> GateReport:
    """The gate report with which a version was registered.

    Raises:
        StoreError: It is missing or damaged.
    """
    return read_record(layout.adapter_version(version) / REPORT, GateReport)


def require_kept(layout: Layout, row: VersionState) -> None:
    """Refuse a version whose kept files are not those that were vetted when it was registered.

    Raises:
        RegistryError: They differ, or one of them is missing.
    """
    folder = layout.adapter_version(row.version)
    try:
        kept_manifest(layout, row.version)
        kept_report(layout, row.version)
        found, _ = adapter_digest(folder)
    except (GuardError, StoreError) as error:
        raise RegistryError(
            f"{folder}: {row.version} is no longer whole ({error}): restore the folder from a "
            "backup, or register a new version"
        ) from error
    if found != row.adapter_digest:
        raise RegistryError(
            f"{folder}: holds adapter {found[:12]}, the ledger knows {row.adapter_digest[:12]} as "
            f"{row.version}: restore the folder, or register a new version"
        )
