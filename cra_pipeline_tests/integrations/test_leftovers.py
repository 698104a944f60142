"""What a killed process left in the scratch folder goes with the next run of a stage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import partition_lock
from cra_pipeline.integrations.leftovers import TREES, Kind, prefix_of, sweep, sweep_among_others


@pytest.fixture(scope="module")
def ended() -> int:
    """Id of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_lives_is_spared_and_what_was_killed_is_swept(
    kind: Kind, ended: int, tmp_path: Path
) -> None:
    layout = Layout(tmp_path)
    place = layout.scratch / TREES if kind == ".part" else layout.scratch
    dead, alive = place / f"{kind}-{ended}-x", place / f"{prefix_of(kind)}x"
    for folder in (dead, alive):
        (folder / "0").mkdir(parents=True)
    with partition_lock(layout, "tasks", "till"):
        pass

    assert not dead.exists()
    assert alive.is_dir()


def test_a_living_process_of_another_user_is_spared(tmp_path: Path) -> None:
    (tmp_path / "env-1-x").mkdir()
    sweep(tmp_path)

    assert (tmp_path / "env-1-x").is_dir()


@pytest.mark.parametrize("name", ["matplotlib", "clone-till", "env-x", "clone-4000000-x", "runs"])
def test_other_folders_are_never_swept(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    sweep(tmp_path)

    assert (tmp_path / name).is_dir()


def test_no_scratch_folder_is_nothing_to_sweep(tmp_path: Path) -> None:
    sweep(tmp_path / "nowhere")

    assert prefix_of("env") == f"env-{os.getpid()}-"


def test_among_others_only_dead_folders_of_our_own_name_are_swept(
    ended: int, tmp_path: Path
) -> None:
    dead = tmp_path / f"cra-{ended}-x"
    elsewhere = tmp_path / "elsewhere"
    spared = [
        tmp_path / f"{prefix_of('cra')}x",
        tmp_path / f"env-{ended}-x",
        tmp_path / f"cra-x-{ended}-",
        elsewhere,
    ]
    for folder in (dead, *spared):
        folder.mkdir()
    link = tmp_path / f"cra-{ended}-link"
    link.symlink_to(elsewhere)
    sweep_among_others(tmp_path)

    assert not dead.exists()
    assert all(folder.is_dir() for folder in spared)
    assert link.is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_among_others_the_folder_of_another_user_is_spared(ended: int, tmp_path: Path) -> None:
    foreign = tmp_path / f"cra-{ended}-x"
    foreign.mkdir()
    os.chown(foreign, 65534, 65534)
    sweep_among_others(tmp_path)

    assert foreign.is_dir()
