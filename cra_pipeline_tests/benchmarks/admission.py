"""Commits per hour and core through gold, no-op and controls.

Run: ``python -m cra_pipeline_tests.benchmarks.admission --home WORKSPACE --repo NAME``, on a
workspace whose ``repo_packages`` of that repository are made. Proves its newest commits afresh,
beside the workspace's own tasks, and prints processor seconds: those of the sandboxed runs as the
sandbox reports them, and those of this process and of git. Mutants are apart: only commits that
change both source and tests are proven. 250 commits per hour and core are wanted on a small
repository.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.sandbox import SandboxRequest, SandboxResult
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.policy import TaskPolicy
from cra_pipeline.harness.stage.tasks import admit_tasks
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.runner import PytestRunner


class MeteredSandbox:
    """A sandbox that adds up what its runs cost."""

    def __init__(self) -> None:
        self._sandbox = BubblewrapSandbox()
        self._lock = threading.Lock()
        self.runs = 0
        self.cpu_s = 0.0

    def run(self, request: SandboxRequest) -> SandboxResult:
        """Run, and count."""
        result = self._sandbox.run(request)
        with self._lock:
            self.runs += 1
            self.cpu_s += result.cpu_s
        return result


def beside(home: Path, root: Path) -> Layout:
    """A workspace that shares everything but tasks, scratch and locks with another one."""
    for path in sorted(home.iterdir()):
        if path.name not in {"tasks", "scratch", "locks", "attempts", "triples"}:
            (root / path.name).symlink_to(path)
    return Layout(root)


def measure(home: Path, repo: str, limit: int) -> None:
    """Prove the newest commits once and print the figures."""
    root = Path(tempfile.mkdtemp(dir=home, prefix=".benchmark-"))
    try:
        layout, sandbox = beside(home, root), MeteredSandbox()
        policy = TaskPolicy(limit=limit, kinds=("source-and-tests",))
        runner = PytestRunner(sandbox, layout.scratch)
        started, own = time.perf_counter(), sum(os.times()[:4])
        manifest: AssetManifest = admit_tasks(layout, repo, policy=policy, runner=runner).manifest
        wall, own = time.perf_counter() - started, sum(os.times()[:4]) - own
        rows = read_table(layout.table("tasks", repo), TaskRow)
        admitted = sum(row.admitted for row in rows)
    finally:
        shutil.rmtree(root)
    cpu = sandbox.cpu_s + own
    print(f"{repo}: {manifest.rows} commits, {admitted} admitted, {sandbox.runs} sandboxed runs")
    print(f"sandbox {sandbox.cpu_s:.1f} CPU-s, own {own:.1f} CPU-s, wall {wall:.1f} s")
    print(f"commits per hour and core: {3600 * manifest.rows / cpu:.0f}")
    print(f"ratio: {3600 * manifest.rows / cpu / 250:.2f} of the 250 wanted")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--repo", default="structlog")
    parser.add_argument("--limit", type=int, default=15)
    arguments = parser.parse_args()
    measure(arguments.home.resolve(), arguments.repo, arguments.limit)


if __name__ == "__main__":
    main()
