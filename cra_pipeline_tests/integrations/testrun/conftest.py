"""An environment with pytest and a little repository, for real runs in the sandbox."""

from __future__ import annotations

import compileall
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from cra_pipeline.contracts.packages import EnvironmentRow, TextFile
from cra_pipeline.contracts.sandbox import Limits
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.runner import PytestRunner

_PACKAGES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
_VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="session")
def env_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment as ``envs/<lock hash>`` holds it, made of this process's own packages."""
    folder = tmp_path_factory.mktemp("envs") / "lock"
    site = folder / "lib" / _VERSION / "site-packages"
    site.mkdir(parents=True)
    for name in _PACKAGES:
        for file in metadata.files(name) or ():
            if ".." not in file.parts:
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(str(file.locate())), site / file)
    # Without it every run would compile pytest again, and the lexers that it imports.
    rare = re.compile(r"pygments/lexers/(?!__init__|_mapping|diff|python|_builtins)")
    compileall.compile_dir(site, quiet=2, rx=rare)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(f"/python/bin/{_VERSION}")
    (folder / "pyvenv.cfg").write_text("home = /python/bin\n")
    return folder


def write_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write texts by path below a folder."""
    folder.chmod(0o755)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


ENVIRONMENT = EnvironmentRow(
    repo="toy",
    sha="0" * 40,
    lock_hash="lock",
    rung="given",
    as_of="",
    reason="",
    import_roots=("src",),
    shim=(
        TextFile(path="toy-1.0.dist-info/METADATA", text="Name: toy\nVersion: 1.0\n"),
        TextFile(path="bin/toy-script", text="#!/bin/sh\necho shim\n"),
    ),
    generated=(TextFile(path="src/toy_version.py", text="VERSION = '1.0'\n"),),
    test_args=(),
    leaks=(),
)


@dataclass(frozen=True)
class Bench:
    """A runner with its environment and a folder of its own."""

    runner: PytestRunner
    env_folder: Path
    place: Path

    def request(self, files: Mapping[str, str], *layers: Mapping[str, str]) -> TestRunRequest:
        """All ``test_*.py`` of a tree with these files, and of layers laid over it."""
        tree = self._written(files)
        laid = [self._written(layer) for layer in layers]
        names = {path for path in files if Path(path).name.startswith("test_")}
        return TestRunRequest(
            tree=tree,
            layers=tuple(laid),
            environment=ENVIRONMENT,
            env_folder=self.env_folder,
            test_files=tuple(sorted(names)),
            limits=Limits(wall_s=60.0),
        )

    def _written(self, files: Mapping[str, str]) -> Path:
        return write_tree(Path(tempfile.mkdtemp(dir=self.place, prefix="tree-")), files)

    def run(
        self, files: Mapping[str, str], *layers: Mapping[str, str], **fields: object
    ) -> TestRunReport:
        """Run once; ``fields`` replace those of the request."""
        return self.runner.run(self.request(files, *layers).model_copy(update=fields))


@pytest.fixture
def bench(env_folder: Path, tmp_path: Path) -> Bench:
    """A real runner over a real sandbox."""
    return Bench(PytestRunner(BubblewrapSandbox(), tmp_path / "scratch"), env_folder, tmp_path)
