"""The harness with its input and output: tables, journals, locks; the work is the workshop's."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cra_pipeline.contracts.commits import CommitRow, newest
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.ports import TestRunner
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, Proposal, TaskRow
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, GitError, RoundError
from cra_pipeline.harness import check
from cra_pipeline.harness.attempts import (
    attempt_row,
    judged_nothing,
    label,
    left_out,
    listed_round,
    newest_tasks,
    outside_proposal,
    preview_of_attempts,
    preview_of_tasks,
)
from cra_pipeline.harness.controls import CATEGORIES
from cra_pipeline.harness.policy import AttemptPolicy, TaskPolicy, policy_json
from cra_pipeline.harness.records import Trace, unit_key
from cra_pipeline.harness.triples import distinct
from cra_pipeline.harness.workshop import Workshop
from cra_pipeline.integrations.agents.table import Oracle, load_backend
from cra_pipeline.integrations.bench import open_bench
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    read_table,
    write_record,
)
from cra_pipeline.integrations.git.patches import PatchError, apply_patch
from cra_pipeline.integrations.git.repository import GitRepository
from cra_pipeline.integrations.journals import Crew, Line
from cra_pipeline.integrations.leftovers import prefix_of, sweep

_TASKS, _ATTEMPTS, _TRIPLES = "tasks", "attempts", "triples"


def _workshop(layout: Layout, repo: str, runner: TestRunner | None) -> Workshop:
    """Everything about a repository; without a runner nothing can be run."""
    commits = read_table(layout.table("commits", repo), CommitRow)
    environments = read_table(layout.table("repo_packages", repo), EnvironmentRow)
    return Workshop(
        repository=GitRepository(layout.snapshot(repo)),
        open_bench=partial(open_bench, layout, runner),
        commits={row.sha: row for row in commits},
        environments={row.sha: row for row in environments},
    )


def admit_tasks(  # noqa: PLR0913  # the shell's keywords
    layout: Layout,
    repo: str,
    *,
    policy: TaskPolicy | None = None,
    runner: TestRunner,
    progress: Progress = silent,
    workers: int = 0,
) -> StageReport:
    """Prove the newest qualified commits of a repository that its package covers.

    Args:
        layout: The workspace.
        repo: Key of the repository.
        policy: Which commits, and what each must survive.
        runner: Runs the tests.
        progress: Told after each commit.
        workers: Commits at once; 0 for one per processor. Decides no row.

    Raises:
        CheckError: Commits or repo package are not ready.
        BusyError: Another run is at work on this repository.
        SandboxError: The sandbox cannot be had.
        StoreError: The disk is full, or a table is damaged.
    """
    rules = policy or TaskPolicy()
    with partition_lock(layout, _TASKS, repo):
        inputs = [require_checked(layout, name, repo) for name in ("commits", "repo_packages")]
        shop = _workshop(layout, repo, runner)
        crew = Crew[TaskRow](
            layout=layout,
            asset=_TASKS,
            partition=repo,
            line=Line[TaskRow],
            words=lambda row: row.reason or "admitted",
            # The machine's fault is not remembered: the next run tries again.
            lasting=lambda row: row.reason != "sandbox_error",
            whole=lambda _: True,
            progress=progress,
            workers=workers,
        )
        packaged = [shop.commits[sha] for sha in shop.environments if sha in shop.commits]
        chosen = newest(packaged, rules.kinds, rules.limit)
        rows = _fully_controlled(crew, shop, _proven(crew, shop, chosen, rules), rules)
        manifest = seal_table(
            layout, _TASKS, repo, rows, TaskRow,
            reasons=[row.reason.partition(":")[0] or "admitted" for row in rows],
            inputs=inputs, policy=policy_json(rules),
        )  # fmt: skip
    return StageReport(manifest=manifest, preview=preview_of_tasks(rows))


def _task_key(shop: Workshop, commit: CommitRow, policy: TaskPolicy, *more: str) -> str:
    # How many commits are tried decides no single one.
    rules = policy_json(replace(policy, limit=0, kinds=(), full_control_tasks=0))
    return unit_key(commit.digest(), shop.environments[commit.sha].digest(), rules, *more)


def _proven(
    crew: Crew[TaskRow], shop: Workshop, chosen: Sequence[CommitRow], policy: TaskPolicy
) -> list[TaskRow]:
    units = {_task_key(shop, commit, policy): commit for commit in chosen}
    found = crew.results(
        units, lambda commit: shop.admit(commit, policy), name=lambda commit: commit.sha
    )
    return list(found.values())


def _fully_controlled(
    crew: Crew[TaskRow], shop: Workshop, rows: Sequence[TaskRow], policy: TaskPolicy
) -> list[TaskRow]:
    """The rows, with every control run on the first admitted tasks by id."""
    found = {row.task_id: row for row in rows}
    full = 0
    for task_id in sorted(found):
        row = found[task_id]
        if full == policy.full_control_tasks:
            break
        if not row.admitted or row.kind == "tests-only":
            continue
        run = {control.category for control in row.controls}
        others = [category for category in CATEGORIES if category not in run]
        key = _task_key(shop, shop.commits[row.sha], policy, "every control", row.digest())
        done = crew.results(
            {key: row},
            lambda unit: shop.controlled(unit, others, policy),  # noqa: B023  # called at once
            name=lambda unit: f"{unit.sha} every control",
        )
        found[task_id] = done[key]
        full += done[key].admitted
    return [found[row.task_id] for row in rows]


def check_tasks(layout: Layout, repo: str) -> CheckReport:
    """Judge the tasks on disk and store the result.

    Raises:
        StoreError: The table is missing or damaged.
    """
    manifest = read_record(layout.manifest(_TASKS, repo), AssetManifest)
    rows = read_table(layout.table(_TASKS, repo), TaskRow)
    demands = check.Demands.of(manifest.policy)
    found = check.task_findings(rows, rows=manifest.rows, demands=demands)
    return write_check(layout, manifest, found)


def run_attempts(  # noqa: PLR0913  # the shell's keywords
    layout: Layout,
    repo: str,
    round_name: str,
    *,
    policy: AttemptPolicy | None = None,
    runner: TestRunner,
    progress: Progress = silent,
    workers: int = 0,
) -> StageReport:
    """Let every backend try the round's tasks of one repository, and judge what it proposes.

    Near misses that pass are counted, and listed first, as weak tests: here and nowhere else.

    Args:
        layout: The workspace.
        repo: Key of the repository.
        round_name: An opened round that lists it.
        policy: Which agents and how many tasks.
        runner: Runs the tests.
        progress: Told after each attempt.
        workers: Attempts at once; 0 for one per processor. Decides no row.

    Raises:
        RoundError: The round is not opened, or does not list the repository.
        CheckError: The tasks are not ready.
        BusyError: Another run is at work on this partition.
        SandboxError: The sandbox cannot be had.
        StoreError: The disk is full, or a table is damaged.
    """
    rules = policy or AttemptPolicy()
    key = f"{repo}|{round_name}"
    with partition_lock(layout, _ATTEMPTS, key):
        inputs = [require_checked(layout, _TASKS, repo)]
        tasks = newest_tasks(read_table(layout.table(_TASKS, repo), TaskRow), 0)
        reasons = _left_out(layout, repo, round_name, tasks)
        ours = newest_tasks((task for task in tasks if not reasons[task.task_id]), rules.limit)
        shop = _workshop(layout, repo, runner)
        crew = Crew[AttemptRow](
            layout=layout,
            asset=_ATTEMPTS,
            partition=key,
            line=Line[AttemptRow],
            words=lambda row: row.outcome.value,
            lasting=lambda row: row.outcome is not Outcome.SANDBOX_ERROR,
            whole=lambda row: _trace_path(layout, key, row).is_file(),
            progress=progress,
            workers=workers,
        )
        rows = _attempted(crew, shop, ours, rules)
        manifest = seal_table(
            layout, _ATTEMPTS, key, rows, AttemptRow,
            reasons=[*map(label, rows), *(reason for reason in reasons.values() if reason)],
            inputs=inputs, policy=policy_json(rules),
        )  # fmt: skip
        _drop_stale_traces(layout, key, rows)
    return StageReport(manifest=manifest, preview=preview_of_attempts(rows))


def _left_out(
    layout: Layout, repo: str, round_name: str, tasks: Sequence[TaskRow]
) -> dict[str, str]:
    """Why each task is left out of the round, by task id; empty where it is not."""
    paths = sorted(layout.rounds.glob("r*.json"))
    rounds = tuple(read_record(path, RoundRecord) for path in paths)
    record = listed_round(rounds, round_name, repo)
    repository = GitRepository(layout.snapshot(repo))
    pins = {item.round: pin for item in rounds if (pin := item.pin(repo)) is not None}
    try:
        reached = {name: repository.reached_by(pin) for name, pin in pins.items()}
    except GitError as error:
        raise RoundError(
            f"a round pins {repo} at a commit that its snapshot lacks ({error}): restore the "
            "source's revision, then snapshot it again"
        ) from error
    return {task.task_id: left_out(task, record, rounds, reached) for task in tasks}


def _attempted(
    crew: Crew[AttemptRow], shop: Workshop, tasks: Sequence[TaskRow], policy: AttemptPolicy
) -> list[AttemptRow]:
    oracle = Oracle(right_answer=shop.right_answer, most=policy.mutants, seed=policy.seed)
    backends = [load_backend(name, oracle) for name in policy.agents]
    rules = policy_json(replace(policy, limit=0, agents=(), mutants=0, seed=0))
    units: dict[str, tuple[TaskRow, Proposal]] = {}
    for task in tasks:
        environment = shop.environments[task.sha].digest()
        for proposal in shop.proposals(task, backends):
            decided_by = (task.digest(), environment, proposal.digest(), rules, crew.partition)
            units[unit_key(*decided_by)] = (task, proposal)

    def work(unit: tuple[TaskRow, Proposal]) -> AttemptRow:
        trace = shop.attempt(*unit, crew.partition.partition("|")[2], policy)
        write_record(_trace_path(crew.layout, crew.partition, trace.attempt), trace)
        return trace.attempt

    found = crew.results(
        units, work, name=lambda unit: f"{unit[0].task_id} {unit[1].configuration}"
    )
    return list(found.values())


def _trace_path(layout: Layout, partition: str, row: AttemptRow) -> Path:
    return layout.partition(_ATTEMPTS, partition) / "traces" / f"{row.attempt_id}.json"


def _drop_stale_traces(layout: Layout, partition: str, rows: Sequence[AttemptRow]) -> None:
    kept = {_trace_path(layout, partition, row) for row in rows}
    for path in (layout.partition(_ATTEMPTS, partition) / "traces").glob("*.json"):
        if path not in kept:
            path.unlink()


def check_attempts(layout: Layout, repo: str, round_name: str) -> CheckReport:
    """Judge the attempts on disk and store the result.

    Raises:
        StoreError: A table is missing or damaged.
    """
    key = f"{repo}|{round_name}"
    manifest = read_record(layout.manifest(_ATTEMPTS, key), AssetManifest)
    rows = read_table(layout.table(_ATTEMPTS, key), AttemptRow)
    tasks = read_table(layout.table(_TASKS, repo), TaskRow)
    found = check.attempt_findings(rows, tasks, rows=manifest.rows, round_name=round_name)
    untraced = [row for row in rows if not _trace_path(layout, key, row).is_file()]
    lost = [f"{row.attempt_id[:12]}: its trace is missing" for row in untraced]
    return write_check(layout, manifest, [*found, *lost])


def label_triples(layout: Layout, repo: str, round_name: str) -> StageReport:
    """One triple for each attempt that said something.

    Raises:
        CheckError: Attempts or tasks are not ready.
        BusyError: Another run is at work on this partition.
        StoreError: A trace or table is missing or damaged.
    """
    key = f"{repo}|{round_name}"
    with partition_lock(layout, _TRIPLES, key):
        inputs = [
            require_checked(layout, _ATTEMPTS, key),
            require_checked(layout, _TASKS, repo),
        ]
        attempts = read_table(layout.table(_ATTEMPTS, key), AttemptRow)
        tasks = {row.task_id: row for row in read_table(layout.table(_TASKS, repo), TaskRow)}
        shop = _workshop(layout, repo, None)
        said: list[TripleRow] = []
        unsaid: list[str] = []
        for attempt in attempts:
            trace = read_record(_trace_path(layout, key, attempt), Trace)
            try:
                said.append(shop.triple(tasks[attempt.task_id], trace))
            except ValueError:
                unsaid.append(f"{attempt.agent}: no form as edits")
        rows = distinct(said)
        manifest = seal_table(
            layout, _TRIPLES, key, rows, TripleRow,
            reasons=[*(f"{row.call_kind}: {row.outcome.value}" for row in rows), *unsaid],
            inputs=inputs, policy="{}",
        )  # fmt: skip
    preview = tuple(
        {"task": row.task_id, "call": row.call_kind, "outcome": row.outcome.value}
        for row in rows[:20]
    )
    return StageReport(manifest=manifest, preview=preview)


def check_triples(layout: Layout, repo: str, round_name: str) -> CheckReport:
    """Judge the triples on disk and store the result.

    Raises:
        StoreError: A table is missing or damaged.
    """
    key = f"{repo}|{round_name}"
    manifest = read_record(layout.manifest(_TRIPLES, key), AssetManifest)
    rows = read_table(layout.table(_TRIPLES, key), TripleRow)
    attempts = read_table(layout.table(_ATTEMPTS, key), AttemptRow)
    return write_check(layout, manifest, check.triple_findings(rows, attempts, rows=manifest.rows))


def score_patch(layout: Layout, task_id: str, patch: bytes, *, runner: TestRunner) -> AttemptRow:
    """Judge any patch from outside against an admitted task; nothing is stored.

    The hidden tests and protected files lie over whatever the patch does to them.

    Args:
        layout: The workspace.
        task_id: Of an admitted task.
        patch: Unified diff against the task's base; git's binary patches are understood.
        runner: Runs the tests.

    Raises:
        CheckError: There is no such admitted task.
        StoreError: A table is missing or damaged.
        SandboxError: The sandbox cannot be had.
    """
    task = _admitted(layout, task_id)
    shop = _workshop(layout, task.repo, runner)
    proposal = outside_proposal()
    text = patch.decode(errors="replace")
    layout.scratch.mkdir(parents=True, exist_ok=True)
    sweep(layout.scratch)
    with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("score")) as folder:
        try:
            change = apply_patch(Path(folder), layout.snapshot(task.repo), task.base_sha, patch)
        except PatchError as error:
            tally = judged_nothing(Outcome.AGENT_ERROR, "patch_does_not_apply", str(error))
            return attempt_row(task, "", proposal, tally, patch=text, imports=False)
    tally, imports = shop.judge(task, change, AttemptPolicy())
    return attempt_row(task, "", proposal, tally, patch=text, imports=imports)


def _admitted(layout: Layout, task_id: str) -> TaskRow:
    repo = task_id.rpartition("-")[0]
    path = layout.table(_TASKS, repo or "?")
    rows = read_table(path, TaskRow) if repo and path.is_file() else ()
    for row in rows:
        if row.task_id == task_id and row.admitted:
            return row
        if row.task_id == task_id:
            raise CheckError(f"{task_id} was not admitted ({row.reason}): choose another task")
    raise CheckError(
        f"no task {task_id!r} in {path}: expected <repo>-<12 digits>; "
        "list them with: cra-pipeline show tasks --qualified"
    )
