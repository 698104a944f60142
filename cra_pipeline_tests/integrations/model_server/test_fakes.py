"""Both big servers' owners, on programs that speak as the real ones were recorded: in seconds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file, save_file

from cra_pipeline.errors import GuardError, ModelError
from cra_pipeline.integrations.adapter_files import CONFIG, WEIGHTS, vet_alone
from cra_pipeline.integrations.model_server.install import SERVERS_VARIABLE
from cra_pipeline.integrations.model_server.llama_server import running_llama
from cra_pipeline.integrations.model_server.table import Settings, server_named
from cra_pipeline.integrations.model_server.vllm import running_vllm
from cra_pipeline.integrations.model_server.vllm_policy import VllmPolicy
from cra_pipeline_tests.integrations.model_server.clients import Reply, gone, posted
from cra_pipeline_tests.integrations.model_server.fakes import FAILS, fake_world, installed_fakes
from cra_pipeline_tests.integrations.model_server.worlds import World

pytestmark = pytest.mark.slow  # processes are started
BIG = ("vllm", "llama_server")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    installed_fakes(tmp_path / "servers", monkeypatch)
    monkeypatch.setenv("TEACHER_API_KEY", "of-a-hosted-teacher")
    return fake_world(tmp_path)


def test_vllm_reads_copies_that_are_its_own_and_bounded_in_number(
    world: World, tmp_path: Path
) -> None:
    vetted: list[Path] = []
    folder = tmp_path / "moving"
    shutil.copytree(world.adapters["scope-v1"], folder)
    policy = VllmPolicy(adapters=2)
    with running_vllm(world.layout, world.base, policy=policy, vet=vetted.append) as server:
        server.load("scope-v1", folder)
        shutil.copyfile(world.adapters["scope-v2"] / WEIGHTS, folder / WEIGHTS)
        with pytest.raises(ModelError, match="never given anew"):
            server.load("scope-v1", folder)
        server.load("scope-v1", world.adapters["scope-v1"])
        server.load("scope-v2", folder)
        names = server.models()
        server.unload("scope-v2")
        with pytest.raises(ModelError, match="adapter 3 of 2: unload some"):
            server.load("scope-v3", folder)
        with pytest.raises(ModelError, match="no adapter scope-v9"):
            server.unload("scope-v9")
        log = server.log.read_text()

    assert names == (world.base.name, "scope-v1", "scope-v2")
    assert [copy.name for copy in vetted] == ["scope-v1", "scope-v2", "scope-v3"]
    assert str(folder) not in log
    assert f"answered scope-v1 from {vetted[0]}" in log
    assert server.served_as == "float32"


def test_neither_key_is_on_the_command_line_or_in_the_log_or_foreign_to_its_program(
    world: World,
) -> None:
    with running_vllm(world.layout, world.base) as server:
        shown = server.log.read_text() + repr(server) + server.base_url
        key, family = server.api_key, psutil.Process(server.pid).children()
        with pytest.raises(ModelError, match="401"):
            replace(server._asking, token="another").asked("GET", "/v1/models")  # noqa: S106  # no key

    assert key not in shown
    assert "of-a-hosted-teacher" not in shown
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in shown
    assert len(family) == 1
    assert gone(family)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vllm", "ended with status 1.*ValueError: No available memory for the cache blocks"),
        ("llama_server", "llama-server ended with status 1.*failed to allocate CPU buffer"),
    ],
)
def test_a_start_that_fails_is_told_with_its_cause(name: str, words: str, world: World) -> None:
    (world.base.folder / FAILS).touch()
    with (
        pytest.raises(ModelError, match=f"(?s){words}"),
        server_named(name)(world.layout, world.base, Settings(), None),
    ):
        pass

    assert list(world.layout.scratch.iterdir()) == []


@pytest.mark.parametrize("name", BIG)
def test_what_is_not_installed_is_told_with_its_command(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SERVERS_VARIABLE, str(tmp_path / "nowhere"))
    with (
        pytest.raises(ModelError, match=f"cra-pipeline serve --install {name}"),
        server_named(name)(world.layout, world.base, Settings(), None),
    ):
        pass


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("use_dora", True, "use_dora"), ("r", 4, "expected rank 4"), ("use_rslora", True, "rslora")],
)
def test_an_adapter_that_servers_would_serve_otherwise_is_refused_before_they_see_it(
    key: str, value: object, words: str, world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(world.adapters["scope-v1"], folder)
    config = json.loads((folder / CONFIG).read_text()) | {key: value}
    (folder / CONFIG).write_text(json.dumps(config))
    with running_vllm(world.layout, world.base) as server:
        with pytest.raises(GuardError, match=words):
            server.load("odd-v1", folder)

        assert server.models() == (world.base.name,)
        # A name that was refused is free for files that are sound.
        server.load("odd-v1", world.adapters["scope-v1"])


def test_an_adapter_of_another_base_is_refused_with_both_shapes(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "foreign"
    shutil.copytree(world.adapters["scope-v1"], folder)
    weights = load_file(folder / WEIGHTS)
    wide = {name: np.repeat(value, 2, axis=1 if "lora_A" in name else 0)
            for name, value in weights.items()}  # fmt: skip
    deep = {name.replace("layers.0", "layers.7"): value for name, value in weights.items()}
    save_file(wide, folder / WEIGHTS)
    with pytest.raises(GuardError, match=r"\(8, 384\), its layer in .* has \(64, 192\)"):
        vet_alone(folder, world.base.folder)
    save_file(deep, folder / WEIGHTS)
    with pytest.raises(GuardError, match="belongs to no layer of"):
        vet_alone(folder, world.base.folder)
    vet_alone(world.adapters["scope-v1"], world.base.folder)


def tokens(server: object, model: str, *prompt: int) -> Reply:
    told = {"model": model, "prompt": list(prompt), "max_tokens": 4, "temperature": 0}
    return posted(server, "/completions", json.dumps(told).encode())  # type: ignore[arg-type]


def test_llama_servers_adapters_are_told_by_name_and_no_name_is_the_base(world: World) -> None:
    with running_llama(world.layout, world.base) as server:
        base = tokens(server, world.base.name, 1).body["choices"][0]["text"]
        unknown = tokens(server, "scope-v1", 1)
        for version, folder in world.adapters.items():
            server.load(version, folder)
        said = {name: tokens(server, name, 1).body["choices"][0]["text"] for name in world.names}
        server.unload("scope-v1")
        gone = tokens(server, "scope-v1", 1)
        names = server.models()

    assert unknown.status == gone.status == 404
    assert "choices" not in unknown.body
    assert said[world.base.name] == base
    assert len(set(said.values())) == 3
    assert names == (world.base.name, "scope-v2")


def test_a_llama_server_that_dies_in_mid_request_is_told_and_started_again(world: World) -> None:
    with running_llama(world.layout, world.base) as server:
        server.load("scope-v1", world.adapters["scope-v1"])
        before = tokens(server, "scope-v1", 1).body["choices"]
        found: list[Reply] = []
        asking = threading.Thread(target=lambda: found.append(tokens(server, "scope-v1", 7)))
        asking.start()
        time.sleep(0.3)
        for process in psutil.Process(server.pid).children(recursive=True):
            if "--host" in process.cmdline() and "keeper.py" not in process.cmdline()[2]:
                os.kill(process.pid, signal.SIGKILL)
        asking.join(30)
        after = tokens(server, "scope-v1", 1).body["choices"]

    assert found[0].status == 500
    assert "broke off" in found[0].body["error"]["message"]
    assert before == after


PARENT = """
import sys, time
from pathlib import Path
from cra_pipeline.integrations.model_server.held import hold
held = hold(["/bin/sh", "-c", "sleep 600 & sleep 600"], log=Path(sys.argv[1]), environment={},
            patience=1.0)
time.sleep(0.5)
print(held.pid, flush=True)
time.sleep(600)
"""


def test_a_program_and_what_it_started_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        program = psutil.Process(int(parent.stdout.readline()))
        family = [program, *program.children(recursive=True)]
        parent.kill()

    assert len(family) == 3
    assert gone(family)
