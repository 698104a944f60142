"""Ruff tells the lines at fault."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from cra_pipeline.errors import SourceError
from cra_pipeline.integrations.cold_start.ruff_lint import ruff_lines, ruff_version

RUFF = Path(sys.executable).with_name("ruff")


@pytest.fixture
def ruff(monkeypatch: pytest.MonkeyPatch) -> None:
    if not RUFF.exists() and shutil.which("ruff") is None:
        pytest.skip("ruff is not installed beside this interpreter")
    monkeypatch.setenv("PATH", str(RUFF.parent), prepend=":")


@pytest.mark.usefixtures("ruff")
@pytest.mark.parametrize(
    ("text", "lines"), [("x = 1\n", set()), ("x = 1\nprint(y)\n", {2}), ("x = (\n", {1, 2})]
)
def test_faults_are_told_by_line(text: str, lines: set[int]) -> None:
    assert ruff_lines(text) <= lines
    assert bool(ruff_lines(text)) == bool(lines)


def test_without_ruff_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(SourceError, match="ruff is not installed"):
        ruff_lines("x = 1\n")


@pytest.mark.usefixtures("ruff")
def test_its_version_can_be_written_down() -> None:
    assert ruff_version().startswith("ruff ")
