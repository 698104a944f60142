"""``curate-data`` from the shell, and in another program's group."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.cli.curate_data import curate_data
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline_tests.datasets.worlds import World, small_world

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return small_world(tmp_path_factory.mktemp("world") / "home")


@pytest.fixture
def home(world: World, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("CRA_PIPELINE_HOME", str(world.layout.root))
    return world.layout


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["curate-data", *arguments])


def test_all_kinds_with_rows_get_datasets_and_the_others_say_why_not(home: Layout) -> None:
    result = command("--round", "r01", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    states = {(line["asset"], line["partition"]): line["state"] for line in lines}

    assert result.exit_code == 0, result.output
    assert states["sft_dataset", "scope|r01"] == "done"
    assert states["dpo_dataset", "planning_dpo|r01"] == "done"
    assert states["sft_dataset", "precision|r01"] == "failed"
    assert all(Path(line["path"]).is_file() for line in lines if line["state"] == "done")
    assert (home.root / "sft_dataset/scope/r01/card.md").is_file()


def test_a_kind_that_was_asked_for_and_has_no_rows_is_failed_work(home: Layout) -> None:
    result = command("--round", "r01", "--kind", "precision")

    assert result.exit_code == 1
    assert "precision r01: no new rows (0 candidates" in result.stdout
    assert "1 of 1 refused: sft precision" in result.stdout
    assert not (home.root / "sft_dataset/precision").exists()


@pytest.mark.usefixtures("home")
def test_a_round_that_is_not_open_is_told() -> None:
    result = command("--round", "r07")

    assert result.exit_code == 1
    assert "round r07 is not opened (opened: r01, r02)" in result.output


@pytest.mark.usefixtures("home")
def test_it_stands_in_another_programs_group() -> None:
    @click.group()
    def cra() -> None:
        """Stands for the agent's own group."""

    cra.add_command(curate_data)
    result = CliRunner().invoke(cra, ["curate-data", "--round", "r02", "--kind", "scope"])

    assert result.exit_code == 0, result.output
    assert "sft scope" in result.stdout
    assert "14.3%" in result.stdout
    assert "note: tokens are estimated" in " ".join(result.stdout.split())
