"""Installations: taken up where they were, the stamp last, and told where they fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import filelock
import pytest
from click.testing import CliRunner

from cra_pipeline.cli import main
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, EnvironmentBuildError, ModelError
from cra_pipeline.integrations.model_server.install import (
    SERVERS_VARIABLE,
    install,
    installed,
    server_folder,
)
from cra_pipeline.integrations.model_server.setting_up import SetUp
from cra_pipeline.integrations.model_server.table import server_named


def test_servers_lie_in_the_workspace_or_where_the_variable_says(layout: Layout) -> None:
    assert server_folder(layout, "vllm", {}) == layout.root / "servers" / "vllm"
    assert server_folder(layout, "vllm", {SERVERS_VARIABLE: "/srv"}) == Path("/srv/vllm")


@pytest.mark.parametrize("stamp", [None, "", "{", "[]", '{"name": "vllm"}'])
def test_without_a_whole_stamp_it_is_not_installed(
    stamp: str | None, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SERVERS_VARIABLE, raising=False)
    folder = layout.root / "servers" / "vllm"
    folder.mkdir(parents=True)
    if stamp is not None:
        (folder / "installed.json").write_text(stamp)
    with pytest.raises(ModelError, match="cra-pipeline serve --install vllm"):
        installed(layout, "vllm")


def test_a_step_that_ended_well_is_not_run_again_and_one_that_failed_is(tmp_path: Path) -> None:
    told: list[str] = []
    set_up = SetUp(folder=tmp_path, told=told.append)
    count = tmp_path / "count"
    add = f"open({str(count)!r}, 'a').write('x')"
    failing: list[str | Path] = [sys.executable, "-c", f"{add}; raise SystemExit('no such option')"]
    for _ in range(2):
        with pytest.raises(EnvironmentBuildError, match=r"(?s)step 'one' failed.*no such option"):
            set_up.step("one", failing)
    set_up.step("one", [sys.executable, "-c", add])
    set_up.step("one", [sys.executable, "-c", add])

    assert count.read_text() == "xxx"
    assert told == ["one ..."] * 3
    assert "no such option" in (tmp_path / "install.log").read_text()


def test_a_missing_network_is_told_as_such(tmp_path: Path) -> None:
    words = "WARNING: Failed to establish a new connection: [Errno 111] Connection refused"
    with pytest.raises(EnvironmentBuildError, match="no network: check it"):
        SetUp(folder=tmp_path, told=print).step(
            "packages", [sys.executable, "-c", f"raise SystemExit({words!r})"]
        )


@pytest.mark.slow  # an environment is made, and pip asks an index that is not there
def test_without_network_the_command_ends_with_what_to_do_and_no_stamp(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SERVERS_VARIABLE, raising=False)
    # Port 9 of loopback: nobody listens there.
    for name, value in (
        ("PIP_CONFIG_FILE", os.devnull), ("PIP_INDEX_URL", "http://127.0.0.1:9/simple"),
        ("PIP_FIND_LINKS", ""), ("PIP_EXTRA_INDEX_URL", ""), ("PIP_RETRIES", "1"),
        ("NO_PROXY", "127.0.0.1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["serve", "--install", "vllm"])

    assert result.exit_code == 1, result.output
    assert "no network" in result.output
    assert "run the same command again" in result.output
    with pytest.raises(ModelError, match="not installed"):
        installed(layout, "vllm")
    assert (layout.root / "servers" / "vllm" / "done" / "environment").exists()


def test_two_do_not_install_at_once(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVERS_VARIABLE, raising=False)
    folder = layout.root / "servers" / "vllm"
    folder.mkdir(parents=True)
    with (
        filelock.FileLock(folder / "install.lock"),
        pytest.raises(BusyError, match="another process installs it"),
    ):
        install(layout, "vllm")


def test_an_installed_server_is_left_alone(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVERS_VARIABLE, raising=False)
    folder = layout.root / "servers" / "llama_server"
    folder.mkdir(parents=True)
    (folder / "installed.json").write_text('{"version": "of yesterday"}')
    result = CliRunner().invoke(main, ["serve", "--install", "llama_server"])

    assert result.exit_code == 0, result.output
    assert "of yesterday" in result.output


def test_a_server_that_is_none_is_told() -> None:
    with pytest.raises(ModelError, match="expected one of transformers, vllm, llama_server"):
        server_named("ollama")
