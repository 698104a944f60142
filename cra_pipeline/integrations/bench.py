"""Lays a change over a checked-out tree, for one run of the tests.

The layers of a run live in a folder of its own and are gone after it. A run whose sandbox did not
start is repeated once: that is the machine's fault, not the change's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.ports import TestRunner
from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.diffs import Blob
from cra_pipeline.errors import SandboxError, StoreError
from cra_pipeline.integrations.envs import kept_lock, ready_environment
from cra_pipeline.integrations.git.checkout import checked_out, write_layer
from cra_pipeline.integrations.leftovers import prefix_of, sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxBench:
    """Runs tests of one tree in one environment; many threads may share it.

    Attributes:
        runner: What runs the tests.
        scratch: Folder of the workspace for work in flight.
        tree: The base checkout, never written to.
        environment: How the tree is tested.
        env_folder: Its environment on the host.
        limits: Of every run.
    """

    runner: TestRunner
    scratch: Path
    tree: Path
    environment: EnvironmentRow
    env_folder: Path
    limits: Limits

    def run(
        self,
        layers: Sequence[Mapping[str, Blob]],
        deleted: Sequence[str],
        test_files: Sequence[str],
        seeds: tuple[int, int],
    ) -> TestRunReport:
        """Run some test files over the tree and its layers.

        Args:
            layers: Files by path; the last layer wins.
            deleted: Paths removed from what the layers give.
            test_files: Relative to the tree.
            seeds: Of order and of hashes.
        """
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix=prefix_of("bench")) as folder:
            # The sandbox may look at it as another user.
            Path(folder).chmod(0o755)
            written = [
                write_layer(Path(folder) / str(number), files)
                for number, files in enumerate(layers)
                if files
            ]
            request = TestRunRequest(
                tree=self.tree,
                layers=tuple(written),
                deleted=tuple(deleted),
                environment=self.environment,
                env_folder=self.env_folder,
                test_files=tuple(test_files),
                order_seed=seeds[0],
                hash_seed=seeds[1],
                limits=self.limits,
            )
            report = self.runner.run(request)
            if report.ending is Ending.NOT_STARTED:
                report = self.runner.run(request)
            return report


def environment_folder(layout: Layout, environment: EnvironmentRow) -> Path:
    """The environment on the host, made again from its lock where it is gone.

    Raises:
        StoreError: Its lock is gone too.
    """
    lock = kept_lock(layout, environment.lock_hash)
    if lock is None:
        raise StoreError(
            f"environment {environment.lock_hash[:12]} of {environment.sha[:12]} is gone; "
            f"run: cra-pipeline run repo_packages --repo {environment.repo}"
        )
    return ready_environment(layout, lock)


@contextmanager
def open_bench(
    layout: Layout,
    runner: TestRunner | None,
    environment: EnvironmentRow,
    base: str,
    limits: Limits,
) -> Iterator[SandboxBench]:
    """A bench over a commit's tree; the tree is held as long as the block lasts.

    Args:
        layout: The workspace.
        runner: What runs the tests; None where none is meant to be run.
        environment: Built, and of the same repository.
        base: Commit whose tree is laid out.
        limits: Of every run.

    Raises:
        StoreError: The environment's lock is gone.
        GitError: The tree cannot be read.
        SandboxError: There is no runner.
    """
    if runner is None:
        raise SandboxError("no test runner was given: this step is not meant to run tests")
    folder = environment_folder(layout, environment)
    layout.scratch.mkdir(parents=True, exist_ok=True)
    sweep(layout.scratch)
    with checked_out(layout, layout.snapshot(environment.repo), base) as tree:
        yield SandboxBench(
            runner=runner,
            scratch=layout.scratch,
            tree=tree,
            environment=environment,
            env_folder=folder,
            limits=limits,
        )
