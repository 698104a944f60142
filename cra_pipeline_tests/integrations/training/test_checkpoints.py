"""Which checkpoints count: whole ones, the newest first."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.training.checkpoints import (
    full_disk_told,
    mark_whole,
    newest_whole,
)


def checkpoint(phase: Path, step: int) -> Path:
    folder = phase / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * 100)
    return folder


def test_a_checkpoint_without_its_mark_is_removed(tmp_path: Path) -> None:
    whole, half = checkpoint(tmp_path, 5), checkpoint(tmp_path, 10)
    mark_whole(whole, 5)
    half.mkdir(exist_ok=True)

    assert newest_whole(tmp_path) == (whole, 5)
    assert not half.exists()


def test_a_checkpoint_that_was_cut_off_after_its_mark_is_none(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, 5)
    mark_whole(folder, 5)
    (folder / "weights").write_bytes(b"w" * 99)

    assert newest_whole(tmp_path) is None


def test_an_older_one_goes_only_when_the_newer_one_is_whole(tmp_path: Path) -> None:
    older = checkpoint(tmp_path, 5)
    mark_whole(older, 5)
    newer = checkpoint(tmp_path, 10)

    assert older.exists()

    mark_whole(newer, 10)

    assert not older.exists()
    assert newest_whole(tmp_path) == (newer, 10)


def test_no_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert newest_whole(tmp_path / "none") is None


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left"), RuntimeError("PytorchStreamWriter failed writing file")]
)
def test_a_full_disk_is_told_as_one(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(StoreError, match="free disk space"), full_disk_told(tmp_path):
        raise error


def test_another_fault_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shape"), full_disk_told(tmp_path):
        raise RuntimeError("shape mismatch")
