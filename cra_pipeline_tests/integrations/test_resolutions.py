"""Equal questions are asked once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import EnvironmentBuildError
from cra_pipeline.integrations.index import IndexAddress, serve_wheels
from cra_pipeline.integrations.resolutions import StoredResolution, stored_resolution
from cra_pipeline_tests.wheels import build_wheel


def ask(layout: Layout, index: IndexAddress, name: str, most_mb: int = 10) -> StoredResolution:
    return stored_resolution(layout, (name,), as_of="", index=index, most_mb=most_mb)


def test_a_kept_answer_needs_no_index(tmp_path: Path) -> None:
    build_wheel(tmp_path / "index", "a", "1", {"a.py": ""})
    layout = Layout(tmp_path / "home")

    with serve_wheels(tmp_path / "index") as index:
        first = ask(layout, index, "a")
        refused = ask(layout, index, "b")
    again = ask(layout, index, "a")

    assert again == first
    assert again.lock is not None
    assert ask(layout, index, "b") == refused
    assert "b was not found" in refused.words


def test_an_answer_whose_wheels_are_gone_is_asked_again(tmp_path: Path) -> None:
    build_wheel(tmp_path / "index", "a", "1", {"a.py": ""})
    layout = Layout(tmp_path / "home")
    with serve_wheels(tmp_path / "index") as index:
        ask(layout, index, "a")
        shutil.rmtree(layout.wheels)

        ask(layout, index, "a")
    shutil.rmtree(layout.wheels)

    with pytest.raises(EnvironmentBuildError, match="could not be reached"):
        ask(layout, index, "a")


def test_downloads_beyond_the_limit_count_as_no_answer(tmp_path: Path) -> None:
    build_wheel(tmp_path / "index", "a", "1", {"a.py": "x = 1\n" * 400_000})

    with serve_wheels(tmp_path / "index") as index:
        answer = ask(Layout(tmp_path / "home"), index, "a", most_mb=1)

    assert answer.lock is None
    assert "exceed 1 MB" in answer.words
