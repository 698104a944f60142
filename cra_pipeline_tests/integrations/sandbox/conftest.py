"""Sandboxes started as root and as an ordinary user, and the host that they are to leave alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from cra_pipeline.contracts.sandbox import Bind, Limits, SandboxRequest, SandboxResult
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox

_SERVER = Path(__file__).with_name("ordinary_user.py")
_PROJECT = Path(__file__).parents[3]
_USER = 1500


class Runs(Protocol):
    """Anything with the sandbox's one method."""

    def run(self, request: SandboxRequest) -> SandboxResult: ...


class OrdinaryUser:
    """A sandbox in another process, which is an ordinary user's."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, request: SandboxRequest) -> SandboxResult:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request.model_dump_json() + "\n")
        self._process.stdin.flush()
        return SandboxResult.parse_json(self._process.stdout.readline(), where="answer")


@dataclass(frozen=True)
class Host:
    """A workspace on the host and a sandbox to run in it."""

    sandbox: Runs
    tree: Path
    python: Path
    become: tuple[str, ...]
    """Before a command, runs it as who starts the sandbox."""

    def request(self, code: str, **changes: object) -> SandboxRequest:
        """A request that runs Python code, its result pipe open."""
        request = SandboxRequest(
            argv=("/python/bin/python3", "-c", code),
            tree=self.tree,
            binds=(Bind(source=self.python, target="/python"),),
            channel=True,
            limits=Limits(wall_s=20.0),
        )
        return request.model_copy(update=changes)

    def run(self, code: str, **changes: object) -> SandboxResult:
        """Run Python code inside."""
        return self.sandbox.run(self.request(code, **changes))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="session")
def become_ordinary(workspace: Path) -> tuple[str, ...]:
    if os.geteuid():
        pytest.skip("an ordinary user runs the other half already")
    needed = [sys.base_prefix, sys.prefix, str(_PROJECT), str(workspace)]
    return (sys.executable, str(_SERVER), *needed, "--")


@pytest.fixture(scope="session")
def ordinary_user(become_ordinary: tuple[str, ...]) -> Iterator[OrdinaryUser]:
    process = subprocess.Popen(
        [*become_ordinary, sys.executable, str(_SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(_PROJECT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    with process:
        yield OrdinaryUser(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(params=["caller", "ordinary_user"])
def host(request: pytest.FixtureRequest, workspace: Path) -> Host:
    """A fresh tree, and a sandbox started by whoever runs the tests, then by an ordinary user."""
    tree = workspace / f"tree{len(list(workspace.iterdir()))}"
    (tree / "tests").mkdir(parents=True)
    (tree / "module.py").write_text("VALUE = 1\n")
    (tree / "tests" / "test_module.py").write_text("protected\n")
    sandbox: Runs = BubblewrapSandbox()
    become: tuple[str, ...] = ()
    if request.param == "ordinary_user":
        sandbox = request.getfixturevalue("ordinary_user")
        become = request.getfixturevalue("become_ordinary")
        for path in (workspace, tree, *tree.rglob("*")):
            os.chown(path, _USER, _USER)
    return Host(sandbox=sandbox, tree=tree, python=Path(sys.base_prefix), become=become)
