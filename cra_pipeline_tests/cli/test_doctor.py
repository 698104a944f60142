"""The doctor names what is missing and the command that mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cra_pipeline.cli import machine, main
from cra_pipeline.contracts.workspace import Layout

NAMES = {"python", "interpreter", "git", "uv", "sandbox", "memory", "disk", "instance"}


def findings(result_output: str) -> dict[str, dict[str, str]]:
    lines = [json.loads(line) for line in result_output.splitlines()]
    return {line["name"]: line for line in lines}


@pytest.mark.usefixtures("layout")
def test_every_part_is_looked_at() -> None:
    result = CliRunner().invoke(main, ["doctor", "--json"])

    assert set(findings(result.stdout)) >= NAMES
    assert result.exit_code == 0


@pytest.mark.usefixtures("layout")
def test_without_git_the_doctor_fails_and_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    result = CliRunner().invoke(main, ["doctor", "--json"])

    git = findings(result.stdout)["git"]
    assert result.exit_code == 1
    assert (git["state"], git["found"]) == ("missing", "not on PATH")
    assert "install git" in git["remedy"]


def test_an_old_git_is_missing(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\necho git version 2.20.1\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert machine.git(layout).state == "missing"


def test_a_workspace_without_instance_is_told_to_be_prepared(layout: Layout) -> None:
    finding = machine.instance(layout)

    assert (finding.state, finding.remedy) == ("weak", "cra-pipeline prepare")


def test_another_dagster_home_is_told(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/somewhere/else")

    finding = machine.dagster_home(layout)

    assert finding.state == "weak"
    assert finding.remedy == f"export DAGSTER_HOME={layout.root}"


def test_a_missing_wheelhouse_is_told(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))

    assert machine.wheelhouse(layout).remedy == "make setup"


@pytest.mark.parametrize("name", ["vllm", "llama_server"])
def test_a_big_server_that_is_not_installed_hinders_only_serving(
    name: str, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRA_PIPELINE_SERVERS", raising=False)
    finding = {"vllm": machine.vllm, "llama_server": machine.llama_server}[name](layout)

    assert finding.state == "weak"
    assert f"cra-pipeline serve --install {name}" in finding.remedy


@pytest.mark.usefixtures("layout")
def test_the_table_fits_a_terminal() -> None:
    result = CliRunner().invoke(main, ["doctor"])

    assert max(len(line) for line in result.stdout.splitlines()) <= 100
