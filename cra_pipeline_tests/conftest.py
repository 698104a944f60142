"""What many tests need: a workspace of their own, and a small library's history."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout

LIBRARY = {
    "pyproject.toml": '[project]\nname = "till"\nversion = "1.0"\n',
    "till.py": "def total(prices):\n    return sum(prices)\n",
    "tests/test_till.py": (
        "from till import total\n\n\ndef test_prices_are_added():\n    assert total([1, 2]) == 3\n"
    ),
}
DISCOUNT = {
    "till.py": (
        "def total(prices, percent_off=0):\n"
        "    if not 0 <= percent_off <= 100:\n"
        '        raise ValueError("percent_off lies between 0 and 100")\n'
        "    return sum(prices) * (100 - percent_off) / 100\n"
    ),
    "tests/test_till.py": (
        "import pytest\n\nfrom till import total\n\n\n"
        "def test_prices_are_added():\n    assert total([1, 2]) == 3\n\n\n"
        "def test_a_discount_is_taken_off():\n    assert total([40, 60], 25) == 75\n\n\n"
        "def test_a_discount_has_bounds():\n"
        "    with pytest.raises(ValueError):\n        total([1], 101)\n\n\n"
        "def test_a_full_discount_is_allowed():\n    assert total([5], 100) == 0\n"
    ),
}
README = {"README.md": "A till.\n"}


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """An empty workspace that CRA_PIPELINE_HOME names."""
    home = tmp_path / "home"
    monkeypatch.setenv("CRA_PIPELINE_HOME", str(home))
    # Set and taken away, so that what a command sets is undone after the test.
    monkeypatch.setenv("DAGSTER_HOME", "")
    return Layout(home)


@pytest.fixture(scope="session")
def till(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of three commits; the second qualifies and becomes a task."""
    folder = tmp_path_factory.mktemp("upstream") / "till"
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _commit(folder, LIBRARY, "Start a till", 1)
    _commit(folder, DISCOUNT, "Add discounts in percent to the total", 2)
    _commit(folder, README, "Describe the till", 3)
    return folder


def _commit(folder: Path, files: dict[str, str], message: str, day: int) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", message, day=day)


def _git(folder: Path, *arguments: str, day: int = 1) -> None:
    date = f"2024-03-0{day}T12:00:00+00:00"
    who = {f"GIT_{role}_{what}": value for role, what, value in (
        ("AUTHOR", "NAME", "Ada"),
        ("AUTHOR", "EMAIL", "ada@example.org"),
        ("AUTHOR", "DATE", date),
        ("COMMITTER", "NAME", "Ada"),
        ("COMMITTER", "EMAIL", "ada@example.org"),
        ("COMMITTER", "DATE", date),
    )}  # fmt: skip
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    environment = {"PATH": os.environ["PATH"]} | who | settings
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)
