"""What a package brought is used only where the commit itself gives the same."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.contracts.packages import EnvironmentLock
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.index import IndexAddress
from cra_pipeline.packages.stage import build_package, check_package, ingest_package
from cra_pipeline_tests.packages.conftest import (
    CountedRunner,
    History,
    Ready,
    environments,
    policy,
)
from cra_pipeline_tests.wheels import pin_for

Row = dict[str, Any]


def script(row: Row) -> None:
    next(file for file in row["shim"] if file["path"] == "bin/till")["text"] += "import evil\n"


def foreign_script(row: Row) -> None:
    row["shim"].append({"path": "bin/pytest", "text": "#!/env/bin/python\n"})


def plugin(row: Row) -> None:
    points = next(file for file in row["shim"] if file["path"].endswith("entry_points.txt"))
    points["text"] += "\n[pytest11]\nevil = till.core\n"


def plugin_beside(row: Row) -> None:
    for name, text in (
        ("METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"),
        ("entry_points.txt", "[pytest11]\nevil = till.core\n"),
    ):
        row["shim"].append({"path": f"evil-1.0.dist-info/{name}", "text": text})


def version_file(row: Row) -> None:
    row["generated"][0]["text"] += "import evil\n"


def module(row: Row) -> None:
    row["generated"].append({"path": "src/till/core.py", "text": "total = sum\n"})


def roots(row: Row) -> None:
    row["import_roots"] = ["tests"]


@pytest.fixture
def drop(model: Layout, tmp_path: Path) -> Path:
    """A copy of a good package."""
    return shutil.copytree(model.package("till"), tmp_path / "drop")


def spoilt(drop: Path, sha: str, spoil: Callable[[Row], None]) -> None:
    shape = json.loads((drop / "manifest.json").read_text())
    spoil(next(row for row in shape["environments"] if row["sha"] == sha))
    (drop / "manifest.json").write_text(json.dumps(shape))


@pytest.mark.parametrize(
    "spoil", [script, foreign_script, plugin, plugin_beside, version_file, module, roots]
)
def test_files_that_the_commit_does_not_give_are_never_used(  # noqa: PLR0913  # fixtures
    *,
    drop: Path,
    model: Layout,
    ready: Ready,
    history: History,
    index: IndexAddress,
    runner: CountedRunner,
    spoil: Callable[[Row], None],
) -> None:
    there, sha = ready("there", names=("dated",)), history.commits["dated"]
    spoilt(drop, sha, spoil)
    ingest_package(there, drop)

    build_package(there, "till", policy=policy(index), runner=runner)

    row, own = environments(there)[sha], environments(model)[sha]
    assert row.notes[0].startswith("the environment that was taken in is not used: ")
    assert row.model_copy(update={"notes": row.notes[1:]}) == own
    assert runner.runs > 0


def test_a_wheel_with_the_repositorys_own_code_is_never_used(  # noqa: PLR0913  # fixtures
    *,
    drop: Path,
    wheels: Path,
    ready: Ready,
    history: History,
    index: IndexAddress,
    runner: CountedRunner,
) -> None:
    there, sha = ready("there", names=("dated",)), history.commits["dated"]
    smuggled(drop, sha, wheels / "till_fork-1.0-py3-none-any.whl")
    ingest_package(there, drop)

    build_package(there, "till", policy=policy(index), runner=runner)

    row = environments(there)[sha]
    assert "till-fork: brings the repository's own module till/core.py" in row.notes[0]
    assert not list((there.package("till") / "packages").glob("till*"))
    assert check_package(there, "till").passed


def smuggled(drop: Path, sha: str, wheel: Path) -> None:
    """Add a wheel to a package: to its files, to a lock, and to the row of a commit."""
    content = wheel.read_bytes()
    (drop / "packages" / wheel.name).write_bytes(content)
    shape = json.loads((drop / "manifest.json").read_text())
    digest = hashlib.sha256(content).hexdigest()
    listed = {"path": f"packages/{wheel.name}", "sha256": digest, "size": len(content)}
    shape["files"].append(listed)
    row = next(row for row in shape["environments"] if row["sha"] == sha)
    locks = [EnvironmentLock.model_validate_json(json.dumps(lock)) for lock in shape["locks"]]
    lock = next(lock for lock in locks if lock.digest() == row["lock_hash"])
    pin = pin_for(wheel).model_copy(update={"name": "till-fork"})
    richer = lock.model_copy(update={"wheels": (*lock.wheels, pin)})
    shape["locks"].append(json.loads(richer.canonical_json()))
    row["lock_hash"] = richer.digest()
    (drop / "manifest.json").write_text(json.dumps(shape))
