"""``train-plan`` from the shell, alone and in the group of another program."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli.train_plan import train_plan
from cra_pipeline_tests.logs.workspaces import example_workspace, users_database


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    layout = example_workspace(tmp_path)
    monkeypatch.setenv("CRA_PIPELINE_HOME", str(layout.root))
    return tmp_path


def asked(*arguments: str) -> Result:
    """Run it as a command of another group, as the agent's own would."""

    @click.group()
    def cra() -> None:
        """Stands for the agent's own group."""

    cra.add_command(train_plan)
    return CliRunner().invoke(cra, ["train-plan", *arguments])


def test_the_report_is_shown_and_written(root: Path) -> None:
    result = asked("--round", "r01")

    assert result.exit_code == 0, result.output
    assert result.output.startswith("# Training plan of round r01")
    assert str(root / "home" / "training_plan" / "r01" / "report.md") in result.output


def test_json_is_one_object(root: Path) -> None:
    result = asked("--round", "r01", "--json", "--raw-db", users_database(root))

    assert result.exit_code == 0, result.output
    plan = json.loads(result.output)
    scope = next(item for item in plan["adapters"] if item["adapter_kind"] == "scope")
    assert [item["source"] for item in scope["stock"]] == ["synthetic", "harness", "logged"]


@pytest.mark.usefixtures("root")
def test_a_refusal_is_a_text_and_ends_with_1() -> None:
    result = asked("--round", "r09")

    assert result.exit_code == 1
    assert result.output.startswith("Error: r09: no such round; open are r01")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("arguments", [(), ("--round", "r01", "--raw-db", "gone.sqlite")])
def test_wrong_use_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert asked(*arguments).exit_code == 2
