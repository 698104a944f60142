"""What a backend may be built from, and what it is given of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.campaigns import CampaignSpec
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.ports import Oracle, Sandbox
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
        steering: Which of the hidden ones no agent may touch, such as ``conftest.py``.
        environment: How the task's tests are run.
        env_folder: That environment on the host.
        read_by_tests: Files other than Python's that a test of the base names: data, though they
            may look like prose.
    """

    snapshot: Path
    before: Mapping[str, Blob]
    after: Mapping[str, Blob]
    hidden: frozenset[str]
    steering: frozenset[str]
    environment: EnvironmentRow
    env_folder: Path
    read_by_tests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplies:
    """What a backend may be built from; an honest agent looks at ``seed`` at most.

    Attributes:
        right_answer: Text of the changed files after the commit by path, deleted ones absent; the
            hidden tests of a task are never among them.
        materials: A task taken apart.
        layout: The workspace.
        sandbox: Where an agent runs; None where none is meant to run.
        statement: What a task asks for, reworded where the campaign wants that.
        relabel: Right answers of logged calls by a fresh oracle.
        calls: Where an attempt's request log lies, by its id.
        campaign: What is asked of an agent that calls models; None outside of one.
        partition: Of the asset ``attempts``, for which the backend works.
        most: Proposals wanted for a task at most.
        seed: Seeds the backend's draws.
        logged: Whether what an agent logs joins the workspace's raw database, from which training
            data are drawn; never for attempts on what is kept out of training.
    """

    right_answer: Callable[[TaskRow], dict[str, str]]
    materials: Callable[[TaskRow], Materials]
    layout: Layout
    sandbox: Sandbox | None
    statement: Callable[[TaskRow], str]
    relabel: Callable[[Oracle, Sequence[CallRecord]], tuple[str, ...]]
    calls: Callable[[str], Path]
    campaign: CampaignSpec | None
    partition: str
    most: int
    seed: int
    logged: bool = True
