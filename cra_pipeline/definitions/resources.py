"""What assets are given: the workspace, the sandboxed test runner, and an ear for progress."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import dagster as dg

from cra_pipeline.contracts.ports import Sandbox, TestRunner
from cra_pipeline.contracts.reports import Progress
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PipelineError, SandboxError
from cra_pipeline.integrations.home import current_layout

SANDBOX_POOL = "sandbox"
"""Steps that fill the machine's cores; ``dagster.yaml`` lets one of them run at a time."""

INFRASTRUCTURE_RETRIES = dg.RetryPolicy(max_retries=2, delay=2)
"""Applies only where ``refusals`` allows it: a refusal would be the same the second time."""

_LOG_INTERVAL_S = 10.0


class Workspace(dg.ConfigurableResource[Layout]):
    """The folder that holds everything the pipeline writes.

    Attributes:
        home: Path of the folder; empty for the one that ``CRA_PIPELINE_HOME`` names, else
            ``./workspace``.
    """

    home: str = ""

    @property
    def layout(self) -> Layout:
        """Absolute paths below the folder."""
        return Layout(Path(self.home).resolve()) if self.home else current_layout()


class SandboxedTests(dg.ConfigurableResource[TestRunner]):
    """Runs a repository's tests in the bubblewrap sandbox."""

    def runner(self, layout: Layout) -> TestRunner:
        """A runner that many threads may share; its work in flight lies in ``layout.scratch``.

        Raises:
            SandboxError: The sandbox cannot be had on this machine.
        """
        # Heavy and not needed to load the definitions.
        from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
        from cra_pipeline.integrations.testrun.runner import PytestRunner

        return PytestRunner(BubblewrapSandbox(), layout.scratch)

    def sandbox(self) -> Sandbox:
        """Where agents run.

        Raises:
            SandboxError: The sandbox cannot be had on this machine.
        """
        from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox

        return BubblewrapSandbox()


class ProgressSource(Protocol):
    """Says where the progress of one step is to be shown."""

    def of(self, context: dg.AssetExecutionContext) -> Progress:
        """A callback for the stage that the step calls."""
        ...


class LoggedProgress(dg.ConfigurableResource[None]):
    """Progress as lines of the run's log, at most one in ten seconds."""

    def of(self, context: dg.AssetExecutionContext) -> Progress:
        """A callback that writes to the log of ``context``'s run."""
        last = time.monotonic()

        def log(done: int, total: int, what: str) -> None:
            nonlocal last
            if time.monotonic() - last >= _LOG_INTERVAL_S:
                last = time.monotonic()
                context.log.info("%d of %d: %s", done, total, what)

        return log


@contextmanager
def refusals() -> Iterator[None]:
    """Hand the pipeline's errors to Dagster as texts for the user, without a traceback.

    Raises:
        Failure: In place of any ``PipelineError``; only a failing sandbox may be tried again.
    """
    try:
        yield
    except PipelineError as error:
        raise dg.Failure(
            description=str(error), allow_retries=isinstance(error, SandboxError)
        ) from error
