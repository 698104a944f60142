"""Attempts on what is kept out of training, one by one: shared by all kinds and rounds.

They lie in ``holdout_cells/<repo>/`` and nowhere else: no stage that makes training data reads
there, and what the agent logs in them joins no database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.agents import AttemptPlan
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.ports import AgentBackend, Sandbox, TestRunner
from cra_pipeline.contracts.reports import Progress
from cra_pipeline.contracts.tasks import AttemptRow, TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError
from cra_pipeline.harness.arms import ArmCast, Terms, cell_key
from cra_pipeline.harness.attempts import label
from cra_pipeline.harness.campaigning import SPOILED
from cra_pipeline.harness.records import Trace
from cra_pipeline.harness.relabel import relabel
from cra_pipeline.harness.slowness import excused
from cra_pipeline.harness.stage.materials import materials_of
from cra_pipeline.harness.stage.workshops import workshop
from cra_pipeline.harness.workshop import Workshop
from cra_pipeline.integrations.agents.arms import Voice, opened_arm
from cra_pipeline.integrations.agents.supplies import Supplies
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.journals import Crew, Line

CELLS = "holdout_cells"


def trace_path(layout: Layout, repo: str, attempt_id: str) -> Path:
    """Where the trace of a cell lies."""
    return layout.partition(CELLS, repo) / "traces" / f"{attempt_id}.json"


def log_path(layout: Layout, repo: str, attempt_id: str) -> Path:
    """Where the request log of a cell lies."""
    return layout.partition(CELLS, repo) / "calls" / attempt_id / "calls.jsonl"


def read_trace(layout: Layout, repo: str, attempt_id: str) -> Trace:
    """What was done and how it was judged.

    Raises:
        StoreError: Missing or damaged.
    """
    return read_record(trace_path(layout, repo, attempt_id), Trace)


def cell_calls(layout: Layout, repo: str, trace: Trace) -> tuple[CallRecord, ...]:
    """Calls of a cell in order.

    Raises:
        StoreError: It made some, but its log is missing or damaged.
    """
    if not trace.attempt.calls:
        return ()
    return read_calls(log_path(layout, repo, trace.attempt.attempt_id)).records


@dataclass(frozen=True, slots=True)
class Cell:
    """One attempt that is wanted."""

    key: str
    task: TaskRow
    plan: AttemptPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One repository, ready for the attempts of a gate; its lock is the caller's.

    Attributes:
        layout: The workspace.
        repo: Key of the repository.
        shop: Everything about it.
        terms: What decides an attempt beside task and arm.
        program: The agent, or its stand-in.
        sandbox: Where it runs.
        workers: Attempts at once.
        progress: Told after each attempt.
    """

    layout: Layout
    repo: str
    shop: Workshop
    terms: Terms
    program: AgentProgram
    sandbox: Sandbox | None
    workers: int
    progress: Progress

    def cells(self, arm: ArmCast, tasks: Iterable[TaskRow]) -> tuple[Cell, ...]:
        """Every attempt of an arm, in the order of tasks and seeds.

        Raises:
            CheckError: A task has no environment any more.
        """
        return tuple(
            Cell(cell_key(arm, task, self._environment(task), plan.seed, self.terms), task, plan)
            for task in tasks
            for plan in self.terms.policy.plans()
        )

    def missing(self, cells: Iterable[Cell]) -> bool:
        """Whether any of them has still to be made."""
        keys = [cell.key for cell in cells]
        return len(self._crew().known(keys)) < len(keys)

    def made(self, arm: ArmCast, cells: Iterable[Cell], voices: Mapping[str, Voice]) -> list[str]:
        """Make what is missing of an arm's cells; those done are told to progress, too.

        Args:
            arm: Who answers.
            cells: All of the arm in this repository.
            voices: By call kind.

        Returns:
            Keys of those that are there now.

        Raises:
            SandboxError: The sandbox cannot be had.
            StoreError: The disk is full, or the environment is gone.
            GitError: A tree cannot be read.
        """
        units = {cell.key: cell for cell in cells}
        plans = self.terms.policy.plans()
        settings = self.terms.policy.settings
        name = arm.arm
        with opened_arm(self._supplies(), self.program, settings, plans, voices) as backend:
            rows = self._crew().results(
                units, self._work(backend), name=lambda cell: f"{cell.task.task_id} {name}"
            )
        return list(rows)

    def _crew(self) -> Crew[AttemptRow]:
        return Crew[AttemptRow](
            layout=self.layout,
            asset=CELLS,
            partition=self.repo,
            line=Line[AttemptRow],
            words=label,
            # The machine's or a server's fault is not remembered: the next run tries again.
            lasting=lambda row: row.outcome not in SPOILED,
            whole=self._whole,
            progress=self.progress,
            workers=self.workers,
        )

    def _whole(self, row: AttemptRow) -> bool:
        if not trace_path(self.layout, self.repo, row.attempt_id).is_file():
            return False
        return not row.calls or log_path(self.layout, self.repo, row.attempt_id).is_file()

    def _environment(self, task: TaskRow) -> str:
        environment = self.shop.environments.get(task.sha)
        if environment is None:
            raise CheckError(
                f"{task.task_id}: no environment is on record: run: cra-pipeline run repo_packages "
                f"--repo {self.repo}"
            )
        return environment.digest()

    def _work(self, backend: AgentBackend) -> Callable[[Cell], AttemptRow]:
        def work(cell: Cell) -> AttemptRow:
            began = time.monotonic()
            # Files are for backends without a repository of their own.
            run = excused(backend.run(cell.task, cell.plan, {}, cell.key), time.monotonic() - began)
            trace = self.shop.attempt(
                cell.task,
                cell.plan,
                run,
                attempt_id=cell.key,
                round_name="",
                policy=self.terms.policy.judging(),
            )
            write_record(trace_path(self.layout, self.repo, cell.key), trace)
            return trace.attempt

        return work

    def _supplies(self) -> Supplies:
        return Supplies(
            right_answer=self.shop.right_answer,
            materials=lambda task: materials_of(self.layout, self.repo, self.shop, task),
            layout=self.layout,
            sandbox=self.sandbox,
            statement=lambda task: task.statement,
            relabel=relabel,
            calls=lambda attempt_id: log_path(self.layout, self.repo, attempt_id),
            campaign=None,
            partition=self.repo,
            most=0,
            seed=0,
            logged=False,
        )


def open_shop(layout: Layout, repo: str, runner: TestRunner) -> Workshop:
    """Everything about a repository, for ``Bench``.

    Raises:
        StoreError: A table is missing or damaged.
    """
    return workshop(layout, repo, runner)
