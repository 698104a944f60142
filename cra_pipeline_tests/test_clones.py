"""Tests on real repositories fail where these are missing, and say what to set."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline_tests.clones import CLONES, real_clone, real_clones


def test_no_folder_is_a_failure_that_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLONES, raising=False)

    with pytest.raises(FileNotFoundError, match="CRA_PIPELINE_CLONES is '': set it to a folder"):
        real_clones()


def test_a_folder_without_clones_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(CLONES, str(tmp_path))

    with pytest.raises(FileNotFoundError, match="set it to a folder"):
        real_clone("attrs")


def test_clones_are_found_under_both_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CLONES, str(tmp_path))
    (tmp_path / "svcs.git").mkdir()
    (tmp_path / "some+Attrs" / "repo").mkdir(parents=True)

    assert list(real_clones()) == ["attrs", "svcs"]
    assert real_clone("attrs") == tmp_path / "some+Attrs" / "repo"
    with pytest.raises(FileNotFoundError, match=r"holds no structlog\.git: clone it there"):
        real_clone("structlog")
