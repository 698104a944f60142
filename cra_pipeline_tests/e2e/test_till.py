"""One small repository from its history to preference pairs, by the command line.

Dagster runs in this process on an instance of its own; the tests of the repository run in the
sandbox; the package index is a folder of wheels on loopback. The tests build on each other in the
order in which they stand, as a user's commands would.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.cli.machine import wheelhouse_folder
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.index import serve_wheels

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, till: Path) -> Iterator[Layout]:
    """A workspace that knows the till; uv finds its wheels on loopback."""
    assert list(wheelhouse_folder().glob("pytest-*.whl")), "run: make setup"
    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, serve_wheels(wheelhouse_folder()) as index:
        patch.setenv("CRA_PIPELINE_HOME", str(root))
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv("UV_DEFAULT_INDEX", index.url)
        assert command("add", str(till), "--name", "till", "--domain", "shops").exit_code == 0
        yield Layout(root)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def shown(asset: str, *options: str) -> list[dict[str, Any]]:
    result = command("show", asset, "--repo", "till", "--json", *options)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("commits", "tasks", "attempts", "triples", "preference_pairs")
        for path in sorted((folder / name).rglob("*.parquet"))
    }


@pytest.mark.usefixtures("home")
def test_one_command_makes_everything_in_order() -> None:
    result = command("run", "preference_pairs", "--repo", "till", "--json")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0, result.output
    assert [(line["asset"], line["partition"], line["state"]) for line in lines] == [
        ("repo_snapshots", "till", "done"),
        ("commits", "till", "done"),
        ("repo_packages", "till", "done"),
        ("tasks", "till", "done"),
        ("attempts", "till|r01", "done"),
        ("triples", "till|r01", "done"),
        ("preference_pairs", "till|r01", "done"),
    ]


@pytest.mark.usefixtures("home")
def test_commits_are_shown_with_their_verdicts() -> None:
    rows = shown("commits")

    assert len(rows) == 3
    assert [row["qualified"] for row in rows].count(True) == 1
    assert {"sha", "qualified", "reason", "type"} <= set(rows[0])
    assert [row["reason"] for row in shown("commits", "--reason", "docs_only")] == ["docs_only"]
    assert len(shown("commits", "--limit", "2")) == 2


@pytest.mark.usefixtures("home")
def test_the_task_is_admitted_with_its_evidence() -> None:
    (task,) = shown("tasks", "--qualified")

    assert task["admitted"]
    assert "tests/test_till.py::test_a_discount_is_taken_off" in task["fail_to_pass"]
    assert task["pass_to_pass"] == ["tests/test_till.py::test_prices_are_added"]
    assert [run["outcome"] for run in task["gold_runs"]] == ["passed"] * 3
    assert task["controls"][0]["category"] == "noop"
    assert "passed" not in {control["outcome"] for control in task["controls"]}


@pytest.mark.usefixtures("home")
def test_attempts_triples_and_pairs_belong_to_the_task() -> None:
    (task,) = shown("tasks", "--qualified")
    attempts, triples, pairs = shown("attempts"), shown("triples"), shown("pairs")

    assert {row["task_id"] for row in [*attempts, *triples, *pairs]} == {task["task_id"]}
    assert {"passed", "failed"} <= {row["outcome"] for row in attempts}
    assert {"attempt_id", "task_id", "agent", "outcome"} <= set(attempts[0])
    assert {"task_id", "prompt", "chosen", "rejected", "reason"} <= set(pairs[0])
    assert all(row["outcome"] == "passed" for row in shown("attempts", "--qualified"))
    assert all(row["outcome"] != "passed" for row in shown("attempts", "--rejected"))


@pytest.mark.usefixtures("home")
def test_status_says_that_nothing_is_left_to_do() -> None:
    result = command("status", "--repo", "till", "--json")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {(line["state"], line["next"]) for line in lines} == {("done", "")}
    assert {line["asset"]: line["kept"] for line in lines}["tasks"] == 1


def test_patches_from_outside_are_judged(home: Layout) -> None:
    (task,) = shown("tasks", "--qualified")
    patches = {
        "passed": task["gold_patch"],
        "failed": task["gold_patch"].replace("100 - percent_off", "99 - percent_off"),
        "agent_error": "no patch at all",
    }
    outcomes = {}
    for name, patch in {**patches, "noop": ""}.items():
        path = home.root / f"{name}.diff"
        path.write_text(patch, encoding="utf-8")
        result = command("score", task["task_id"], "--patch", str(path), "--json")
        outcomes[name] = (json.loads(result.stdout)["outcome"], result.exit_code)

    assert outcomes.pop("noop") == ("failed", 0)
    assert outcomes == {name: (name, 0) for name in patches}


def test_an_unknown_task_is_refused(home: Layout) -> None:
    patch = home.root / "gold.diff"
    patch.write_text("", encoding="utf-8")

    result = command("score", "till-000000000000", "--patch", str(patch))

    assert result.exit_code == 1
    assert "till-000000000000" in result.output


def test_a_second_run_writes_the_same_bytes(home: Layout) -> None:
    before = files(home.root)

    results = [command("run", name, "--repo", "till") for name in ("commits", "tasks", "pairs")]

    assert [result.exit_code for result in results] == [0, 0, 0]
    assert files(home.root) == before


def test_a_failing_repository_does_not_stop_the_others(home: Layout, tmp_path: Path) -> None:
    command("add", str(tmp_path / "till"), "--name", "gone")  # refused: the path is not there
    sources = home.sources.read_text(encoding="utf-8")
    broken = sources.replace('name = "till"', 'name = "gone"').replace("/till", "/gone")
    home.sources.write_text(sources + broken, encoding="utf-8")

    result = command("run", "commits", "--repo", "gone", "--repo", "till", "--json")

    lines = {line["partition"]: line for line in map(json.loads, result.stdout.splitlines())}
    home.sources.write_text(sources, encoding="utf-8")
    assert result.exit_code == 1
    assert lines["till"]["state"] == "done"
    assert lines["gone"]["state"] == "skipped"


@pytest.mark.usefixtures("home")
def test_tables_fit_a_terminal() -> None:
    for arguments in (("status",), ("show", "tasks"), ("show", "attempts"), ("show", "pairs")):
        result = command(*arguments)

        assert result.exit_code == 0, result.output
        assert max(len(line) for line in result.stdout.splitlines()) <= 100


def test_a_dropped_package_is_taken_in_by_the_sensor(home: Layout, tmp_path: Path) -> None:
    from cra_pipeline.definitions.automation import dropped_packages
    from cra_pipeline.definitions.resources import Workspace

    other = Layout(tmp_path / "other")
    shutil.copytree(home.package("till"), other.drops / "from-elsewhere", symlinks=True)
    resources = {"workspace": Workspace(home=str(other.root))}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, resources=resources) as context,
    ):
        result = dropped_packages(context)

    assert isinstance(result, dg.SensorResult)
    assert result.run_requests is not None
    assert [request.partition_key for request in result.run_requests] == ["till"]
    assert result.dynamic_partitions_requests is not None
    assert result.dynamic_partitions_requests[0].partition_keys == ["till"]
