"""Environments ``envs/<lock hash>``: hard links to unpacked wheels, made once, bound read-only.

The folder is laid out for its place inside the sandbox (``/env``, interpreter at ``/python``), so
it never runs on the host. Files are shared with the wheel store and have no write bits.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cra_pipeline.contracts.packages import EnvironmentLock
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import EnvironmentBuildError, StoreError
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.uv import PLATFORM, PYTHON
from cra_pipeline.integrations.wheels import SITE, unpacked

_MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


def _lock_path(layout: Layout, lock_hash: str) -> Path:
    return layout.root / "environment_locks" / f"{lock_hash}.json"


def keep_lock(layout: Layout, lock: EnvironmentLock) -> str:
    """Store a lock, so that its environment can be built again; returns its hash."""
    path = _lock_path(layout, lock.digest())
    if not path.exists():
        write_record(path, lock)
    return lock.digest()


def kept_lock(layout: Layout, lock_hash: str) -> EnvironmentLock | None:
    """The lock of a hash, or None where none was kept.

    Raises:
        StoreError: The file is damaged.
    """
    path = _lock_path(layout, lock_hash)
    return read_record(path, EnvironmentLock) if path.exists() else None


def ready_locks(layout: Layout, hashes: Iterable[str]) -> dict[str, EnvironmentLock]:
    """Kept locks of those hashes whose environment is there; empty hashes are passed over.

    Raises:
        StoreError: A lock is damaged.
    """
    wanted = sorted({key for key in hashes if key and env_path(layout, key).is_dir()})
    found = {key: kept_lock(layout, key) for key in wanted}
    return {key: lock for key, lock in found.items() if lock is not None}


def env_path(layout: Layout, lock_hash: str) -> Path:
    """Folder of a ready environment, there or not."""
    return layout.envs / lock_hash


def ready_environment(layout: Layout, lock: EnvironmentLock) -> Path:
    """Folder of the environment of a lock; built only if it is not there yet.

    Raises:
        EnvironmentBuildError: The lock is for another interpreter or platform.
        PackageError: A wheel is missing in the store.
        StoreError: The disk is full; nothing half-built stays.
    """
    target = env_path(layout, lock.digest())
    if target.exists():
        return target
    _require_this_machine(lock)
    trees = [unpacked(layout, pin) for pin in lock.wheels]
    layout.scratch.mkdir(parents=True, exist_ok=True)
    layout.envs.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=layout.scratch, prefix=prefix_of("env")))
    try:
        _skeleton(partial)
        for tree in trees:
            link_tree(tree, partial)
        partial.chmod(0o755)
        partial.rename(target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not target.exists():
            raise StoreError(
                f"{target}: could not be built ({error.strerror}): free disk space, then run again"
            ) from error
    return target


def _require_this_machine(lock: EnvironmentLock) -> None:
    minor = ".".join(lock.python.split(".")[:2])
    if minor != _MINOR or lock.platform != PLATFORM:
        raise EnvironmentBuildError(
            f"lock {lock.digest()[:12]} is for Python {lock.python} on {lock.platform}, this is "
            f"Python {PYTHON} on {PLATFORM}: run with Python {minor}, or build the package here"
        )


def _skeleton(root: Path) -> None:
    """What makes a folder a virtual environment, with the sandbox's paths."""
    (root / SITE).mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "pyvenv.cfg").write_text(
        f"home = /python/bin\ninclude-system-site-packages = false\nversion = {PYTHON}\n"
    )
    for name in ("python", "python3", f"python{_MINOR}"):
        (root / "bin" / name).symlink_to(f"/python/bin/python{_MINOR}")
    (root / "lib64").symlink_to("lib")


def link_tree(source: Path, target: Path) -> None:
    """Hard-link every file of ``source`` below ``target``; what was there before is replaced."""
    for folder, _, files in os.walk(source):
        place = target / os.path.relpath(folder, source)
        place.mkdir(parents=True, exist_ok=True)
        for name in files:
            link_file(Path(folder) / name, place / name)


def link_file(source: Path, target: Path) -> None:
    """Hard-link one file, replacing what is there; copied where the file system cannot link."""
    try:
        os.link(source, target)
    except FileExistsError:
        target.unlink()
        os.link(source, target)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EMLINK, errno.EPERM}:
            raise
        shutil.copy2(source, target)
