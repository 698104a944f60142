"""What a backend may be built from, and what it is given of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.diffs import Blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """A task taken apart for an agent that works in a repository of its own.

    Attributes:
        snapshot: Bare clone that holds the base.
        before: Every file that the commit touches, at the base; added ones are absent.
        after: The same at the commit; deleted ones are absent.
        hidden: Which of them are tests, their data or settings of the test runner.
        environment: How the task's tests are run.
        env_folder: That environment on the host.
    """

    snapshot: Path
    before: Mapping[str, Blob]
    after: Mapping[str, Blob]
    hidden: frozenset[str]
    environment: EnvironmentRow
    env_folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplies:
    """What a backend may be built from; an honest agent looks at ``seed`` at most.

    Attributes:
        right_answer: Text of the changed files after the commit by path, deleted ones absent; the
            hidden tests of a task are never among them.
        materials: A task taken apart.
        layout: The workspace.
        sandbox: Where an agent runs; None where none is meant to run.
        calls: Where an attempt's request log lies, by its key.
        most: Proposals wanted for a task at most.
        seed: Seeds the backend's draws.
    """

    right_answer: Callable[[TaskRow], dict[str, str]]
    materials: Callable[[TaskRow], Materials]
    layout: Layout
    sandbox: Sandbox | None
    calls: Callable[[str], Path]
    most: int
    seed: int
