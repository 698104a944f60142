"""Environments, wheels and the repo package that carries them to a machine without network."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.record import Record


class WheelPin(Record):
    """One wheel of the content-addressed store, ``wheels/<sha256>/<filename>``."""

    name: str
    """Normalised distribution name (PEP 503)."""
    version: str
    filename: str
    sha256: str


class EnvironmentLock(Record):
    """A resolved set of wheels; its ``digest()`` is the lock hash that names ``envs/<hash>``."""

    python: str
    """Full version of the interpreter, such as ``3.11.7``."""
    platform: str
    """Tag such as ``linux_x86_64``."""
    wheels: tuple[WheelPin, ...]
    """Sorted by name."""


class TextFile(Record):
    """A small text file that is laid over a tree or beside it."""

    path: str
    """Relative, POSIX separators, no ``..``."""
    text: str


class EnvironmentRow(Record):
    """How one qualified commit is tested, or why it cannot be (``environments.parquet``)."""

    repo: str
    sha: str
    lock_hash: str
    """Empty where no environment could be built."""
    rung: str
    """Step of the ladder that gave the environment, or the last one tried."""
    as_of: str
    """Date (``YYYY-MM-DD``) that bounded the resolution; empty where undated."""
    reason: str
    """Why nothing could be built, such as ``sdist_only: ruamel-yaml 0.15``; empty where built."""
    import_roots: tuple[str, ...]
    """Folders of the tree for PYTHONPATH, such as ``("src",)`` or ``(".",)``."""
    shim: tuple[TextFile, ...]
    """Synthetic ``*.dist-info`` and scripts that stand in for installing the project."""
    generated: tuple[TextFile, ...]
    """Files that a build would have written into the tree, such as ``src/pkg/_version.py``."""
    test_args: tuple[str, ...]
    """Extra pytest arguments that this history needs, such as ``("-o", "addopts=")``."""
    leaks: tuple[str, ...]
    """Wheels left out because they hold the repository's own code, with the reason."""
    notes: tuple[str, ...] = ()
    """Requirements that were loosened or left out on the way, one sentence each."""


class ManifestFile(Record):
    """One file of a repo package with its hash."""

    path: str
    sha256: str
    size: int


class RepoManifest(Record):
    """``manifest.json`` of a repo package: everything needed to run its tests offline."""

    schema_version: Literal[1]
    repo: str
    url: str
    revision: str
    domain: str
    licence: str
    python: str
    test_command: tuple[str, ...]
    """Such as ``("python", "-m", "pytest")``."""
    commits: tuple[str, ...]
    """Qualified commit ids with an environment, sorted."""
    locks: tuple[EnvironmentLock, ...]
    """Sorted by lock hash."""
    environments: tuple[EnvironmentRow, ...]
    """Sorted by commit id; those that could not be built are listed with their reason."""
    files: tuple[ManifestFile, ...]
    """All files of ``repo/`` and ``packages/``, sorted by path."""
