"""The import contracts of ``pyproject.toml`` hold, and can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    # The copy under test must win over the installed package.
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_import_contracts_hold() -> None:
    done = lint_imports(ROOT)

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("corpus/holdout.py", "import subprocess"),
        ("corpus/holdout.py", "import cra_pipeline.integrations.files"),
        ("corpus/stage.py", "import cra_pipeline.commits"),
        ("integrations/files.py", "import cra_pipeline.corpus.holdout"),
        ("integrations/files.py", "import dagster"),
        ("corpus/holdout.py", "import cra_pipeline.corpus.stage"),
    ],
)
def test_a_forbidden_import_is_found(module: str, line: str, tmp_path: Path) -> None:
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "cra_pipeline", tmp_path / "cra_pipeline", ignore=skipped)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / "cra_pipeline" / module
    broken.write_text(broken.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    done = lint_imports(tmp_path)

    assert done.returncode != 0
    importer = f"cra_pipeline.{module.removesuffix('.py').replace('/', '.')}"
    assert f"{importer} -> {line.removeprefix('import ')}" in done.stdout
