"""A small library's history, an index of small wheels, and workspaces that are ready for both."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.envs import link_tree
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.git.address import parse_address
from cra_pipeline.integrations.git.clone import clone_pinned
from cra_pipeline.integrations.index import IndexAddress, serve_wheels
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.runner import PytestRunner
from cra_pipeline.integrations.wheels import adopt_wheel, unpacked
from cra_pipeline.packages.policy import PackagePolicy
from cra_pipeline.packages.stage import build_package
from cra_pipeline_tests.histories import FIRST, Upstream
from cra_pipeline_tests.wheels import WHEELHOUSE, build_wheel, date_wheels, pin_for

PYPROJECT = """
[build-system]
requires = ["setuptools", "setuptools_scm"]
[project]
name = "till"
dynamic = ["version"]
[project.scripts]
till = "till.core:main"
[tool.setuptools_scm]
write_to = "src/till/_version.py"
[dependency-groups]
tests = ["pytest", "needle"{more}]
"""
CORE = "def total(prices):\n    return sum(prices)\n\n\ndef main():\n    return 0\n"
BETTER = CORE + "\n\ndef mean(prices):\n    return total(prices) / len(prices)\n"
TEST = (
    "import importlib.metadata\n\nfrom needle import thread\nfrom till._version import version\n"
    "from till.core import total\n\n\ndef test_total():\n"
    "    assert total([1, thread()]) == 2\n"
    "    assert importlib.metadata.version('till') == version\n"
)
SPARE = (
    "import spare\nfrom till.core import mean\n\n\ndef test_mean():\n    assert mean([1, 3]) == 2\n"
)
LOST = "import nowhere_to_be_had\n\n\ndef test_lost():\n    assert True\n"


@dataclass(frozen=True)
class History:
    """The library's upstream and its commits by what they show."""

    path: Path
    commits: dict[str, str]


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Commits ``start``, ``dated`` (an old wheel's function), ``spare`` and ``lost``."""
    upstream = Upstream(tmp_path_factory.mktemp("till") / "till")
    commits = {
        "start": upstream.commit(
            {"pyproject.toml": PYPROJECT.replace("{more}", ""), "src/till/core.py": CORE}
        )
    }
    upstream.tag("v1.0")
    commits["dated"] = upstream.commit({"src/till/core.py": BETTER, "tests/test_total.py": TEST})
    forked = PYPROJECT.replace("{more}", ', "till_fork"')
    commits["spare"] = upstream.commit(
        {"pyproject.toml": forked, "tests/test_mean.py": SPARE, "src/till/core.py": CORE + BETTER}
    )
    commits["lost"] = upstream.commit({"tests/test_lost.py": LOST, "src/till/core.py": BETTER})
    return History(upstream.path, commits)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the library needs, and what must never be installed with it.

    ``needle`` lost a function in its newest version; ``spare`` is declared nowhere and needs the
    library itself; ``till_fork`` is a copy of the library under another name.
    """
    if not WHEELHOUSE.is_dir():
        raise FileNotFoundError(f"{WHEELHOUSE}: run `make setup`")
    folder = tmp_path_factory.mktemp("index")
    build_wheel(folder, "needle", "1.0", {"needle.py": "def thread():\n    return 1\n"})
    new = build_wheel(folder, "needle", "2.0", {"needle.py": "# thread is gone\n"})
    build_wheel(folder, "spare", "1.0", {"spare.py": ""}, requires=("till",))
    copy = {"till/core.py": BETTER + "# " + "vendored " * 30}
    build_wheel(folder, "till_fork", "1.0", copy)
    build_wheel(folder, "till", "1.0", {"till/core.py": BETTER})
    date_wheels(folder, {new.name: "2026-01-01"})
    return folder


@pytest.fixture(scope="session")
def index(wheels: Path) -> Iterator[IndexAddress]:
    """The wheels and pytest behind a loopback index."""
    with serve_wheels(wheels, WHEELHOUSE) as address:
        yield address


@dataclass
class CountedRunner:
    """The real runner, with a tally of its runs."""

    runner: PytestRunner
    runs: int = 0

    def run(self, request: TestRunRequest) -> TestRunReport:
        """Run and count."""
        self.runs += 1
        return self.runner.run(request)


@pytest.fixture
def runner(tmp_path: Path) -> CountedRunner:
    """Collects in the sandbox."""
    return CountedRunner(PytestRunner(BubblewrapSandbox(), tmp_path / "runs"))


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with pytest unpacked and compiled, from which workspaces are linked."""
    layout = Layout(tmp_path_factory.mktemp("warm"))
    for path in sorted(WHEELHOUSE.glob("*.whl")):
        pin = pin_for(path)
        adopt_wheel(layout, path, pin)
        unpacked(layout, pin)
    return layout.wheels


Ready = Callable[..., Layout]


@pytest.fixture
def ready(tmp_path: Path, history: History, warm: Path) -> Ready:
    """Makes a workspace whose snapshot and commits are checked."""

    def make(name: str = "home", *, names: tuple[str, ...] = NAMES) -> Layout:
        return made_ready(Layout(tmp_path / name), history, warm, names)

    return make


NAMES = ("dated", "spare", "lost")


def made_ready(layout: Layout, history: History, warm: Path, names: tuple[str, ...]) -> Layout:
    """Fill a workspace with what the stages before this one write."""
    link_tree(warm, layout.wheels)
    seal_snapshot(layout, history)
    rows = [commit_row(history, key) for key in names]
    manifest = seal_table(
        layout, "commits", "till", rows, CommitRow, reasons=["q"] * len(rows), inputs=[], policy=""
    )
    write_check(layout, manifest, [])
    return layout


@pytest.fixture(scope="session")
def model(
    tmp_path_factory: pytest.TempPathFactory, history: History, warm: Path, index: IndexAddress
) -> Layout:
    """A workspace with a sealed package of all commits; only read by tests."""
    layout = made_ready(Layout(tmp_path_factory.mktemp("model")), history, warm, NAMES)
    runner = PytestRunner(BubblewrapSandbox(), layout.scratch)
    build_package(layout, "till", policy=policy(index), runner=runner)
    return layout


@pytest.fixture
def built(model: Layout, tmp_path: Path) -> Layout:
    """A copy of the model that a test may spoil."""

    def copy(source: str, target: str) -> None:
        shared = {"wheels", "envs"}.intersection(Path(source).parts)
        (os.link if shared else shutil.copy2)(source, target)

    root = tmp_path / "built"
    shutil.copytree(model.root, root, symlinks=True, copy_function=copy)
    return Layout(root)


def policy(index: IndexAddress, *, away: bool = False) -> PackagePolicy:
    """The index, or the same offers at an address where nobody listens."""
    url = "http://127.0.0.1:9/simple/" if away else index.url
    return PackagePolicy(index_url=url, index_label=index.label)


def seal_snapshot(layout: Layout, history: History) -> None:
    """Clone the upstream and write the row that the corpus stage would write."""
    revision = history.commits["lost"]
    facts = clone_pinned(
        parse_address(str(history.path)),
        revision,
        layout.snapshot("till"),
        layout.scratch / "clone",
    )
    row = RepoSnapshot(
        repo="till", url="https://example.org/till", revision=revision, commits=facts.commits,
        tags=facts.tags, domain="tooling", licence="MIT",
    )  # fmt: skip
    manifest = seal_table(
        layout, "repo_snapshots", "till", [row], RepoSnapshot, reasons=["q"], inputs=[], policy=""
    )
    write_check(layout, manifest, [])


ORDER = ("start", "dated", "spare", "lost")
FILES = {
    "dated": "tests/test_total.py",
    "spare": "tests/test_mean.py",
    "lost": "tests/test_lost.py",
}


def commit_row(history: History, key: str) -> CommitRow:
    """The row that the commits stage would write."""
    sha, base = history.commits[key], history.commits[ORDER[ORDER.index(key) - 1]]
    day = FIRST + 3600 * ORDER.index(key)
    return CommitRow(
        repo="till", sha=sha, base_sha=base, window=(sha,), committed_at=day, authored_at=day,
        subject=f"Add {key}", message=f"Add {key} things", qualified=True, reason="", evidence="",
        rescue="", type="step-plan", also_types=(), source_files=("src/till/core.py",),
        test_files=(FILES[key],), other_files=(), related_tests=(), added_lines=4,
        deleted_lines=0, symbols=(),
    )  # fmt: skip


def environments(layout: Layout) -> dict[str, EnvironmentRow]:
    """Rows of the sealed table by commit."""
    rows = read_table(layout.table("repo_packages", "till"), EnvironmentRow)
    return {row.sha: row for row in rows}


def tree_bytes(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def remove(folder: Path) -> None:
    """Delete a folder of a workspace."""
    shutil.rmtree(folder)
