"""``holdout_attempts``: base, incumbent and candidate on the same tasks of a round's holdout."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from cra_pipeline.contracts.gates import HoldoutAnswer, HoldoutAttempt
from cra_pipeline.contracts.holdout import HoldoutRow
from cra_pipeline.contracts.manifests import AssetManifest, Count, Input
from cra_pipeline.contracts.ports import Sandbox, TestRunner
from cra_pipeline.contracts.reports import NOTED, Progress, StageReport, silent
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import CheckError, EnvironmentBuildError, GitError, StoreError
from cra_pipeline.harness.arms import BASE_HALF, ArmCast, Cast, Speaker, Terms, distinct
from cra_pipeline.harness.holdout import HoldoutPolicy, Reason, by_repo, drawn, policy_text
from cra_pipeline.harness.holdout_rows import Place, answers_of, attempt_of, lost
from cra_pipeline.harness.stage.casts import adapter_folder, cast_of, cast_of_bases
from cra_pipeline.harness.stage.holdout_cells import (
    CELLS,
    Bench,
    Cell,
    cell_calls,
    open_shop,
    read_trace,
)
from cra_pipeline.harness.stage.workshops import TASKS
from cra_pipeline.integrations.agents.arms import Voice
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.clean_room.programs import any_program
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import (
    partition_lock,
    read_table,
    rows_content_id,
    write_record,
    write_table,
)
from cra_pipeline.integrations.model_server.fleet import Fleet, transformers_fleet
from cra_pipeline.integrations.room import available_mb, processors

ASSET, HOLDOUT = "holdout_attempts", "holdout"

_MEMORY_MB = 2500
"""What one attempt of an agent may take while its tests run, as a rule."""

_OF_THE_REPOSITORY = (CheckError, EnvironmentBuildError, GitError, StoreError)
"""What costs the cells of one repository and nothing else."""

OpenFleet = Callable[[Layout], AbstractContextManager[Fleet]]
Chosen = tuple[TaskRow, Reason]


def answers_path(layout: Layout, partition: str) -> Path:
    """Where the answered calls of a partition lie."""
    return layout.partition(ASSET, partition) / "holdout_answers.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """With what attempts are made.

    Attributes:
        runner: Runs the hidden tests.
        sandbox: Where the agent runs.
        fleet: Opens the servers; nothing is started where every attempt is known.
        policy: Which tasks, and how they are asked.
        progress: Told after each attempt.
        workers: Attempts at once; 0 for as many as processors and memory allow. Decides no row.
    """

    runner: TestRunner
    sandbox: Sandbox | None
    fleet: OpenFleet = transformers_fleet
    policy: HoldoutPolicy = field(default_factory=HoldoutPolicy)
    progress: Progress = silent
    workers: int = 0


def hold_attempts(layout: Layout, partition: str, means: Means) -> StageReport:
    """Let every arm of a gate attempt the round's holdout, or take over what was made before.

    Args:
        layout: The workspace.
        partition: ``kind|round``; ``together|round`` for all candidates that passed, at once.
        means: With what.

    Raises:
        CheckError: Adapter, holdout or tasks are missing, unchecked, failed or changed since.
        RoundError: The round is not opened.
        RegistryError: The ledger does not know the incumbent.
        GuardError: Base or adapter are not those that were frozen and trained.
        ModelError: The server cannot be started, or refuses an adapter.
        AgentError: The agent that is named cannot be used.
        SandboxError: The sandbox cannot be had.
        BusyError: Another run is at work on this partition or one of its repositories.
        StoreError: The disk is full.
    """
    with partition_lock(layout, ASSET, partition):
        return _held(layout, partition, *cast_of(layout, partition), means)


def hold_bases(
    layout: Layout, round_name: str, *, untuned: str, tuned: str, means: Means
) -> StageReport:
    """Let a tuned base plan on a round's holdout, and the untuned one: for Gate 1's base half.

    They lie in the partition ``gate_1_base_half|round``; gold answers all calls but plans.

    Args:
        layout: The workspace.
        round_name: An opened round.
        untuned: Id of the base that stands for the model as it was published.
        tuned: Id of the base that came back from its fine-tune.
        means: With what.

    Raises:
        PipelineError: As ``hold_attempts``.
    """
    partition = f"{BASE_HALF}{MULTI}{round_name}"
    with partition_lock(layout, ASSET, partition):
        cast, inputs = cast_of_bases(layout, round_name, untuned, tuned)
        return _held(layout, partition, cast, inputs, means)


def _held(
    layout: Layout, partition: str, cast: Cast, inputs: Sequence[Input], means: Means
) -> StageReport:
    line = require_checked(layout, HOLDOUT, cast.round)
    chosen, tables = chosen_tasks(layout, cast.round, means.policy)
    program = any_program(os.environ)
    with ExitStack() as stack:
        ships = stack.enter_context(means.fleet(layout))
        hall = _Hall(
            layout=layout,
            cast=cast,
            chosen=chosen,
            terms=Terms(program=program.digest, served_as=ships.served_as, policy=means.policy),
            program=program,
            fleet=ships,
            means=means,
        )
        rows = hall.rows(hall.run(stack))
    manifest = _sealed(layout, partition, rows, (*inputs, line, *tables), means.policy)
    return StageReport(manifest=manifest, preview=_preview(rows[0]))


def chosen_tasks(
    layout: Layout, round_name: str, policy: HoldoutPolicy
) -> tuple[tuple[Chosen, ...], tuple[Input, ...]]:
    """The holdout's tasks that are attempted, each with why it is kept out, and their tables.

    Raises:
        CheckError: Tasks are not ready, or are not those of which the holdout was made.
    """
    rows = read_table(layout.table(HOLDOUT, round_name), HoldoutRow)
    wanted = {row.task_id: row for row in rows if row.task_id}
    repos = sorted({row.repo for row in wanted.values()})
    tables = tuple(require_checked(layout, TASKS, repo) for repo in repos)
    found = {
        task.task_id: task
        for repo in repos
        for task in read_table(layout.table(TASKS, repo), TaskRow)
        if task.admitted and task.task_id in wanted
    }
    for name, row in wanted.items():
        if name not in found or found[name].digest() != row.content_id:
            raise CheckError(
                f"{HOLDOUT} of {round_name}: {name} is another task by now: run: cra-pipeline run "
                f"{HOLDOUT} --round {round_name}"
            )
    tasks = drawn(found.values(), policy)
    return tuple((task, wanted[task.task_id].reason) for task in tasks), tables


@dataclass(slots=True, kw_only=True)
class _Hall:
    """One gate's attempts at work."""

    layout: Layout
    cast: Cast
    chosen: tuple[Chosen, ...]
    terms: Terms
    program: AgentProgram
    fleet: Fleet
    means: Means
    _lost: dict[str, str] = field(default_factory=dict)
    _done: int = 0
    _began: float = field(default_factory=time.monotonic)
    _made: int = 0

    def run(self, stack: ExitStack) -> Mapping[tuple[str, str], tuple[Cell, ...]]:
        """Make what is missing, repository by repository.

        Args:
            stack: Holds the repositories' locks.

        Returns:
            Cells by key of arm and repository; those of repositories that failed are absent.
        """
        found: dict[tuple[str, str], tuple[Cell, ...]] = {}
        benches: dict[str, Bench] = {}
        for repo, tasks in by_repo([task for task, _ in self.chosen]).items():
            stack.enter_context(partition_lock(self.layout, CELLS, repo))
            try:
                bench = self._bench(repo)
                found |= {(self._key(arm), repo): bench.cells(arm, tasks) for arm in self.arms}
            except _OF_THE_REPOSITORY as error:
                self._lose(repo, error)
                continue
            benches[repo] = bench
        waiting = [
            (arm, repo)
            for repo, bench in benches.items()
            for arm in self.arms
            if bench.missing(found[self._key(arm), repo])
        ]
        self._done = sum(map(len, found.values())) - sum(
            len(found[self._key(arm), repo]) for arm, repo in waiting
        )
        voices = {self._key(arm): self._voices(arm) for arm, _ in waiting}
        for arm, repo in waiting:
            if repo in self._lost:
                continue
            key = self._key(arm)
            try:
                benches[repo].made(arm, found[key, repo], voices[key])
            except _OF_THE_REPOSITORY as error:
                self._lose(repo, error)
        return {place: cells for place, cells in found.items() if place[1] not in self._lost}

    @property
    def arms(self) -> tuple[ArmCast, ...]:
        """Those that say different things."""
        return distinct(self.cast.arms, self.terms.served_as)

    def rows(
        self, found: Mapping[tuple[str, str], tuple[Cell, ...]]
    ) -> tuple[list[HoldoutAttempt], list[HoldoutAnswer]]:
        """Rows of all arms, in the order of arms, tasks and seeds."""
        attempts: list[HoldoutAttempt] = []
        answers: list[HoldoutAnswer] = []
        for place in self._places():
            repo = place.task.repo
            if repo in self._lost:
                attempts.append(lost(place, self._lost[repo]))
                continue
            cell = next(
                cell
                for cell in found[self._key(place.arm), repo]
                if (cell.task.task_id, cell.plan.seed) == (place.task.task_id, place.seed)
            )
            trace = read_trace(self.layout, repo, cell.key)
            calls = cell_calls(self.layout, repo, trace)
            attempts.append(attempt_of(place, trace, calls))
            answers += answers_of(place, trace, calls)
        return attempts, answers

    def _places(self) -> Iterator[Place]:
        for arm in self.cast.arms:
            for task, reason in self.chosen:
                for plan in self.terms.policy.plans():
                    yield Place(
                        name=self.cast.name,
                        round=self.cast.round,
                        arm=arm,
                        served_as=self.terms.served_as,
                        task=task,
                        reason=reason,
                        seed=plan.seed,
                        temperature=plan.temperature,
                    )

    def _key(self, arm: ArmCast) -> str:
        return arm.key(self.terms.served_as)

    def _bench(self, repo: str) -> Bench:
        return Bench(
            layout=self.layout,
            repo=repo,
            shop=open_shop(self.layout, repo, self.means.runner),
            terms=self.terms,
            program=self.program,
            sandbox=self.means.sandbox,
            workers=self.means.workers or _at_once(),
            progress=self._tell,
        )

    def _voices(self, arm: ArmCast) -> dict[str, Voice]:
        return {kind: self._voice(speaker) for kind, speaker in arm.speakers}

    def _voice(self, speaker: Speaker) -> Voice:
        folder = adapter_folder(self.layout, speaker.adapter) if speaker.adapter else None
        return Voice(*self.fleet.address(speaker.base_id, folder))

    def _lose(self, repo: str, error: Exception) -> None:
        # Where the workspace lies is the machine's business.
        self._lost[repo] = str(error).replace(str(self.layout.root), "")

    def _tell(self, done: int, total: int, what: str) -> None:
        del done, total
        self._made += 1
        everything = len(self.arms) * len(self.chosen) * len(self.terms.policy.seeds)
        at = min(self._done + self._made, everything)
        left = (time.monotonic() - self._began) / self._made * (everything - at)
        self.means.progress(at, everything, f"about {left / 60:.0f} min left{NOTED}{what}")


def _at_once() -> int:
    return max(1, min(processors(), available_mb() // _MEMORY_MB))


def _sealed(
    layout: Layout,
    partition: str,
    rows: tuple[Sequence[HoldoutAttempt], Sequence[HoldoutAnswer]],
    inputs: Sequence[Input],
    policy: HoldoutPolicy,
) -> AssetManifest:
    attempts, answers = rows
    layout.manifest(ASSET, partition).unlink(missing_ok=True)
    write_table(answers_path(layout, partition), answers, HoldoutAnswer)
    write_table(layout.table(ASSET, partition), attempts, HoldoutAttempt)
    counted = Counter(f"{row.arm}: {row.outcome}" for row in attempts)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    manifest = AssetManifest(
        asset=ASSET,
        partition=partition,
        rows=len(attempts),
        content_id=content_id(attempts, answers),
        inputs=tuple(sorted(inputs, key=lambda item: item.name)),
        counts=tuple(Count(label=label, count=count) for label, count in ordered),
        policy=policy_text(policy),
    )
    write_record(layout.manifest(ASSET, partition), manifest)
    return manifest


def content_id(attempts: Sequence[HoldoutAttempt], answers: Sequence[HoldoutAnswer]) -> str:
    """Of both tables, in order; latencies are of the machine and no part of it."""
    timeless = [row.model_copy(update={"latency_ms": 0.0}) for row in attempts]
    return rows_content_id([*timeless, *answers])


def _preview(attempts: Sequence[HoldoutAttempt]) -> tuple[dict[str, str], ...]:
    found = []
    for arm in dict.fromkeys(row.arm for row in attempts):
        rows = [row for row in attempts if row.arm == arm]
        judged = [row for row in rows if row.outcome in {"passed", "failed"}]
        found.append(
            {
                "arm": arm,
                "model": " + ".join(part[:12] for part in rows[0].model.split("+")),
                "tasks": str(len({row.task_id for row in rows})),
                "judged": str(len(judged)),
                "passed": str(sum(row.outcome == "passed" for row in judged)),
                "calls": str(sum(row.calls for row in rows)),
            }
        )
    return tuple(found)
