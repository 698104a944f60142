"""Exit status and words of the command line, before any work is done."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cra_pipeline.cli import main
from cra_pipeline.cli.execute import trained_by
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.definitions.adapters import TrainingConfig

pytestmark = pytest.mark.usefixtures("layout")


def test_what_is_chosen_of_a_training_is_what_its_asset_is_told() -> None:
    chosen = trained_by({"base": "own-v1", "trainer": "peft"})

    assert TrainingConfig.model_validate(chosen["adapter"]).choices().base == "own-v1"
    assert trained_by({}) == {}


@pytest.mark.parametrize("option", [("--base", "own-v1"), ("--trainer", "peft")])
def test_only_an_adapter_is_told_its_base_and_trainer(option: tuple[str, str]) -> None:
    told = ["run", "gate_report", "--kind", "scope", "--round", "r01"]
    result = CliRunner().invoke(main, [*told, *option])

    assert result.exit_code == 2
    assert "--base and --trainer are of an adapter" in " ".join(result.output.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "nonsense", "--all"],
        ["run", "tasks"],
        ["run", "tasks", "--repo", "nobody"],
        ["run", "tasks", "--repo", "attrs", "--all"],
        ["run", "tasks", "--repo", "attrs", "--limit", "-1"],
        ["run", "cold_start", "--all"],
        ["run", "cold_start", "--limit", "3"],
        ["show", "nonsense"],
        ["show", "pairs", "--qualified"],
        ["status", "--repo", "nobody"],
        ["score", "till-1"],
        ["ingest", "/no/such/folder"],
        ["add", ".", "--roles", "PQ"],
        ["round", "open", "--cut-off", "tomorrow"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_two(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "tasks", "--repo", "attrs"], "cra-pipeline run tasks --repo attrs"),
        (["add", "/no/such/repository"], "/no/such/repository"),
        (["run", "attempts", "--repo", "attrs", "--round", "r99"], "cra-pipeline round open"),
    ],
)
def test_a_refusal_says_what_to_do_and_ends_with_one(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 1
    assert words in result.output
    assert "Traceback" not in result.output


def test_an_empty_workspace_has_no_rows_and_no_rounds() -> None:
    shown = CliRunner().invoke(main, ["show", "commits"])
    opened = CliRunner().invoke(main, ["round", "status"])

    assert (shown.exit_code, "no rows" in shown.output) == (0, True)
    assert (opened.exit_code, "no round is open" in opened.output) == (0, True)


def test_a_round_is_opened_and_listed(layout: Layout) -> None:
    opening = ["round", "open", "--cut-off", "2024-05-01"]

    opened = CliRunner().invoke(
        main,
        [*opening, "--repo", "attrs", "--repo", "svcs", "--held-out", "svcs"],
    )
    listed = CliRunner().invoke(main, ["round", "status", "--json"])

    assert opened.exit_code == 0, opened.output
    record = json.loads(listed.stdout)
    assert (record["round"], record["held_out"], record["cut_off"]) == ("r01", ["svcs"], 1714521600)
    assert (layout.rounds / "r01.json").is_file()


def test_a_round_that_does_not_list_a_repository_refuses_it() -> None:
    CliRunner().invoke(main, ["round", "open", "--repo", "attrs", "--cut-off", "2024-05-01"])

    result = CliRunner().invoke(main, ["run", "attempts", "--repo", "svcs", "--json"])

    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["asset"], found["state"]) == ("attempts", "failed")
    assert "none of r01 lists svcs" in found["error"]


def test_the_installed_command_answers_without_loading_dagster() -> None:
    code = (
        "import sys; from cra_pipeline.cli import main\n"
        "main(['status', '--json'], standalone_mode=False); assert 'dagster' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_installed_command_exists() -> None:
    command = Path(sys.executable).with_name("cra-pipeline")

    done = subprocess.run([command, "run"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "Missing argument" in done.stderr


@pytest.mark.slow
def test_an_asset_without_partitions_is_run_without_a_repository(layout: Layout) -> None:
    refused = CliRunner().invoke(main, ["run", "cold_start", "--json"])

    assert refused.exit_code == 1
    line = json.loads(refused.stdout)
    assert (line["asset"], line["partition"], line["state"]) == ("cold_start", "", "failed")
    assert line["error"].startswith(f"{layout.root / 'cold_start.toml'}: missing: list the")
