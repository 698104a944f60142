"""A library whose commits each meet another fate, filtered and packaged, for real runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from cra_pipeline.commits.stage import check_commits, filter_commits
from cra_pipeline.contracts.packages import EnvironmentLock, EnvironmentRow
from cra_pipeline.contracts.ports import TestRunner
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.stage import add_source, check_snapshot, snapshot_repo
from cra_pipeline.integrations.envs import keep_lock
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import write_record
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.runner import PytestRunner
from cra_pipeline.integrations.uv import PLATFORM, PYTHON
from cra_pipeline.integrations.wheels import adopt_wheel
from cra_pipeline_tests.histories import FIRST, Upstream
from cra_pipeline_tests.wheels import WHEELHOUSE, pin_for

REPO = "ledger"

HEAD = b"# coding: latin-1\r\n# caf\xe9\r\n"
"""A file that is neither UTF-8 nor of LF lines."""

START: dict[str, str | bytes] = {
    "pyproject.toml": '[project]\nname = "ledger"\nversion = "1.0"\n',
    "ledger/__init__.py": "",
    "ledger/sums.py": "def total(amounts):\n    return sum(amounts)\n",
    "ledger/words.py": HEAD + b"def greet(name):\r\n    return name\r\n",
    "tests/test_sums.py": (
        "from ledger.sums import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
    ),
}
BOUNDED = {
    "ledger/sums.py": (
        "def total(amounts):\n    return sum(amounts)\n\n\n"
        "def bounded(amount, low=0, high=10):\n"
        "    if amount < low:\n        return low\n"
        "    if amount > high:\n        return high\n    return amount\n"
    ),
    "tests/test_sums.py": (
        "from ledger.sums import bounded, total\n\n\n"
        "def test_total():\n    assert total([1, 2]) == 3\n\n\n"
        "def test_bounded():\n    assert bounded(-1) == 0\n"
    ),
}
POLITE: dict[str, str | bytes] = {
    "ledger/words.py": HEAD + b"def greet(name):\r\n    return 'Salut \xe9' + name\r\n",
    "tests/test_words.py": (
        "from ledger.words import greet\n\n\n"
        "def test_greet():\n    assert greet('A') == 'Salut éA'\n"
    ),
}
GREEN = {
    "ledger/sums.py": BOUNDED["ledger/sums.py"].replace("sum(amounts)", "sum(list(amounts))"),
    "tests/test_sums.py": BOUNDED["tests/test_sums.py"]
    + "\n\ndef test_empty():\n    assert total([]) == 0\n",
}
EXACT = {
    "tests/test_sums.py": GREEN["tests/test_sums.py"].replace(
        "def test_empty",
        "def test_edges():\n    assert bounded(11) == 10\n    assert bounded(5) == 5\n\n\n"
        "def test_empty",
    ),
}


@dataclass(frozen=True)
class Ledger:
    """The workspace and the commits by what they show."""

    layout: Layout
    runner: TestRunner
    bounded: str
    polite: str
    green: str
    exact: str

    def task(self, sha: str) -> str:
        """Id of the task of a commit."""
        return f"{REPO}-{sha[:12]}"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Everything upstream of the harness, without an index."""
    upstream = Upstream(tmp_path / "ledger")
    upstream.commit(START, "Start the ledger")
    commits = {
        "bounded": upstream.commit(BOUNDED, "Add bounds to single amounts"),
        "polite": upstream.commit(POLITE, "Return greetings in the words of the house"),
        "green": upstream.commit(GREEN, "Accept iterators of amounts too"),
        "exact": upstream.commit(EXACT, "Check amounts that lie on the bounds"),
    }
    layout = Layout(tmp_path / "workspace")
    source = add_source(
        layout,
        str(upstream.path),
        name=REPO,
        domain="validation",
        roles=("P",),
        tier="full",
        licence="MIT",
        revision=commits["exact"],
    )
    snapshot_repo(layout, REPO)
    check_snapshot(layout, REPO)
    filter_commits(layout, REPO)
    assert check_commits(layout, REPO).passed
    _package(layout, list(commits.values()))
    record = RoundRecord(
        round="r01", cut_off=FIRST + 3600 * 9, pins=((REPO, source.revision),), held_out=()
    )
    write_record(layout.rounds / "r01.json", record)
    return Ledger(layout, PytestRunner(BubblewrapSandbox(), layout.scratch), **commits)


def _package(layout: Layout, commits: list[str]) -> None:
    """Environment rows for all commits, with pytest alone in them."""
    wheels = [(path, pin_for(path)) for path in sorted(WHEELHOUSE.glob("*.whl"))]
    for path, pin in wheels:
        adopt_wheel(layout, path, pin)
    lock = EnvironmentLock(python=PYTHON, platform=PLATFORM, wheels=tuple(pin for _, pin in wheels))
    lock_hash = keep_lock(layout, lock)
    rows = [
        EnvironmentRow(
            repo=REPO,
            sha=sha,
            lock_hash=lock_hash,
            rung="given",
            as_of="",
            reason="",
            import_roots=(".",),
            shim=(),
            generated=(),
            test_args=(),
            leaks=(),
        )
        for sha in commits
    ]
    manifest = seal_table(
        layout, "repo_packages", REPO, rows, EnvironmentRow, reasons=[], inputs=[], policy="{}"
    )
    write_check(layout, manifest, [])
