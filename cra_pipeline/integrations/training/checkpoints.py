"""Checkpoints of one phase: whole ones are known by a mark that is written last.

A run that is killed, or a disk that is full, leaves a folder without its mark; it is removed, and
the newest whole one stands.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.record import Record
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.files import read_record, write_record

_MARK = "whole.json"
_NAMED = re.compile(r"checkpoint-(\d+)")


class Mark(Record):
    """``whole.json`` of a checkpoint."""

    step: int
    files: tuple[Input, ...]
    """SHA-256 of every other file, sorted by name."""


def mark_whole(folder: Path, step: int) -> None:
    """Declare a checkpoint to be whole, and remove those before it.

    Raises:
        StoreError: The disk is full.
    """
    write_record(folder / _MARK, Mark(step=step, files=digests(folder)))
    for other in _checkpoints(folder.parent):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def newest_whole(phase: Path) -> tuple[Path, int] | None:
    """The checkpoint to go on from and its step; half-written ones are removed."""
    whole = []
    for folder in _checkpoints(phase):
        mark = _mark(folder)
        if mark is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            whole.append((folder, mark.step))
    return max(whole, key=lambda item: item[1], default=None)


def _checkpoints(phase: Path) -> list[Path]:
    found = phase.iterdir() if phase.is_dir() else ()
    return sorted(path for path in found if _NAMED.fullmatch(path.name))


def _mark(folder: Path) -> Mark | None:
    try:
        mark = read_record(folder / _MARK, Mark)
    except StoreError:
        return None  # Cut off before it was whole.
    return mark if mark.files == digests(folder) else None


def digests(folder: Path) -> tuple[Input, ...]:
    """SHA-256 of every file of a folder but the mark, sorted by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MARK)
    return tuple(Input(name=str(path.relative_to(folder)), content_id=_sha(path)) for path in files)


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def full_disk_told(where: Path) -> Iterator[None]:
    """Name what libraries raise when a file cannot be written.

    Raises:
        StoreError: In its place.
    """
    from safetensors import SafetensorError

    try:
        yield
    # torch has no narrower one for a file that it cannot finish.
    except (OSError, SafetensorError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "writ" not in str(error):
            raise
        raise StoreError(
            f"{where}: could not be written ({error}): free disk space, then run the same command "
            "again; the newest whole checkpoint is kept"
        ) from error
