"""Environments are linked once, shared, and never run here."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cra_pipeline.contracts.packages import EnvironmentLock
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import EnvironmentBuildError, PackageError, StoreError
from cra_pipeline.integrations.envs import env_path, keep_lock, kept_lock, ready_environment
from cra_pipeline.integrations.uv import PLATFORM, PYTHON
from cra_pipeline.integrations.wheels import SITE, adopt_wheel, stored
from cra_pipeline_tests.wheels import build_wheel, pin_for, small_disk


def lock_of(layout: Layout, *paths: Path) -> EnvironmentLock:
    pins = tuple(pin_for(path) for path in paths)
    for path, pin in zip(paths, pins, strict=True):
        adopt_wheel(layout, path, pin)
    return EnvironmentLock(python=PYTHON, platform=PLATFORM, wheels=pins)


def test_two_environments_share_the_bytes_of_a_wheel(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    a = build_wheel(tmp_path, "a", "1", {"a.py": "x = 1\n"})
    b = build_wheel(tmp_path, "b", "1", {"b.py": "x = 1\n"})

    one = ready_environment(layout, lock_of(layout, a))
    two = ready_environment(layout, lock_of(layout, a, b))

    assert (one / SITE / "a.py").stat().st_ino == (two / SITE / "a.py").stat().st_ino
    assert not (one / SITE / "b.py").exists()
    assert not os.access(one / SITE / "a.py", os.W_OK) or os.geteuid() == 0
    assert (one / SITE / "a.py").stat().st_mode & 0o222 == 0


def test_the_layout_is_that_of_its_place_in_the_sandbox(tmp_path: Path) -> None:
    layout = Layout(tmp_path)

    env = ready_environment(layout, lock_of(layout))

    assert (env / "bin" / "python").readlink() == Path(
        f"/python/bin/python{PYTHON.rpartition('.')[0]}"
    )
    assert "home = /python/bin\n" in (env / "pyvenv.cfg").read_text()
    assert env == layout.envs / lock_of(layout).digest()


def test_a_ready_environment_is_used_not_built(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    path = build_wheel(tmp_path, "a", "1", {"a.py": ""})
    lock = lock_of(layout, path)
    env = ready_environment(layout, lock)
    before = env.stat()
    stored(layout, lock.wheels[0]).unlink()
    started = time.perf_counter()

    assert ready_environment(layout, lock) == env
    assert time.perf_counter() - started < 0.3
    assert env.stat().st_ino == before.st_ino


def test_where_two_wheels_meet_the_later_one_wins(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    a = build_wheel(tmp_path, "a", "1", {"shared.py": "who = 'a'\n"})
    b = build_wheel(tmp_path, "b", "1", {"shared.py": "who = 'b'\n"})

    env = ready_environment(layout, lock_of(layout, a, b))

    assert (env / SITE / "shared.py").read_text() == "who = 'b'\n"
    assert (
        "who = 'a'"
        in (ready_environment(layout, lock_of(layout, a)) / SITE / "shared.py").read_text()
    )


def test_a_full_disk_leaves_no_half_environment(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    lock = lock_of(layout)

    with small_disk(8), pytest.raises(StoreError, match="free disk space"):
        ready_environment(layout, lock)

    assert not env_path(layout, lock.digest()).exists()
    assert list(layout.scratch.iterdir()) == []


@pytest.mark.parametrize("field", ["python", "platform"])
def test_a_lock_of_another_machine_is_refused(tmp_path: Path, field: str) -> None:
    lock = EnvironmentLock(python=PYTHON, platform=PLATFORM, wheels=())
    foreign = lock.model_copy(update={field: "2.7.1"})

    with pytest.raises(EnvironmentBuildError, match="build the package here"):
        ready_environment(Layout(tmp_path), foreign)


def test_a_lock_without_its_wheel_builds_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    lock = lock_of(layout, build_wheel(tmp_path, "a", "1", {"a.py": ""}))
    stored(layout, lock.wheels[0]).unlink()

    with pytest.raises(PackageError, match="missing"):
        ready_environment(layout, lock)

    assert not env_path(layout, lock.digest()).exists()


def test_a_kept_lock_comes_back(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    lock = lock_of(layout)

    assert kept_lock(layout, keep_lock(layout, lock)) == lock
    assert kept_lock(layout, "0" * 64) is None
