"""The server as a process: how it comes and goes, and what its port does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cra_pipeline.contracts.ports import ModelServer
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, ModelError
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.model_server.policy import ServerPolicy
from cra_pipeline.integrations.model_server.process import ServedBase, running_server
from cra_pipeline_tests.integrations.model_server.models import WINDOW, random_adapter, tiny_base

pytestmark = pytest.mark.slow  # an interpreter is started


@pytest.mark.real
def test_a_running_server_loads_and_unloads_by_its_port(tmp_path: Path) -> None:
    """Marked ``real`` for its time: the server imports torch once more."""
    base = tiny_base(tmp_path / "base")
    adapter = random_adapter(base, tmp_path / "adapter", 1)
    vetted: list[Path] = []
    layout = Layout(tmp_path / "workspace")
    served = ServedBase(name="tiny", folder=base, window=WINDOW)
    with running_server(layout, served, vet=vetted.append) as server:
        port: ModelServer = server
        assert port.models() == ("tiny",)
        port.load("scope-v1", adapter)
        assert port.models() == ("tiny", "scope-v1")
        port.unload("scope-v1")
        assert port.models() == ("tiny",)
        with pytest.raises(ModelError, match="adapter_config"):
            port.load("scope-v2", tmp_path)
        with pytest.raises(ModelError, match="not served"):
            port.unload("scope-v2")
        process = server.pid

    assert vetted == [adapter, tmp_path]
    assert server.served_as == "float32"
    assert not _lives(process)
    assert list(layout.scratch.iterdir()) == []


def test_a_folder_without_a_model_is_told_with_the_servers_last_words(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "workspace")
    nothing = ServedBase(name="none", folder=tmp_path, window=WINDOW)
    with pytest.raises(ModelError, match="tokenizer_config"), running_server(layout, nothing):
        pass

    assert list(layout.scratch.iterdir()) == []


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    nothing = ServedBase(name="none", folder=tmp_path, window=WINDOW)
    with listen_loopback(0) as taken:
        policy = ServerPolicy(port=taken.getsockname()[1])
        with (
            pytest.raises(BusyError, match="cannot listen"),
            running_server(Layout(tmp_path), nothing, policy=policy),
        ):
            pass


PARENT = """
import sys, time
from pathlib import Path
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.model_server.policy import ServerPolicy
from cra_pipeline.integrations.model_server.process import ServedBase, _started
base = ServedBase(name="tiny", folder=Path(sys.argv[1]), window=512)
server = _started(base, Path(sys.argv[2]), ServerPolicy(), None)
print(server.pid, flush=True)
time.sleep(600)
"""


def test_the_server_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    # Nobody ever writes into it: the server would wait for its model without end.
    os.mkfifo(tmp_path / "tokenizer_config.json")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), str(tmp_path / "log")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.5)
        assert _lives(child)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not _lives(child)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
