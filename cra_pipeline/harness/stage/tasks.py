"""Tasks: proven, stored and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cra_pipeline.contracts.commits import CommitRow, newest
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.ports import TestRunner
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness import check
from cra_pipeline.harness.attempts import preview_of_tasks
from cra_pipeline.harness.controls import CATEGORIES
from cra_pipeline.harness.policy import TaskPolicy, policy_json
from cra_pipeline.harness.records import unit_key
from cra_pipeline.harness.stage.workshops import TASKS, workshop
from cra_pipeline.harness.workshop import Workshop
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_record, read_table
from cra_pipeline.integrations.journals import Crew, Line


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
    with partition_lock(layout, TASKS, repo):
        inputs = [require_checked(layout, name, repo) for name in ("commits", "repo_packages")]
        shop = workshop(layout, repo, runner)
        crew = Crew[TaskRow](
            layout=layout,
            asset=TASKS,
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
            layout, TASKS, repo, rows, TaskRow,
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
    manifest = read_record(layout.manifest(TASKS, repo), AssetManifest)
    rows = read_table(layout.table(TASKS, repo), TaskRow)
    demands = check.Demands.of(manifest.policy)
    found = check.task_findings(rows, rows=manifest.rows, demands=demands)
    return write_check(layout, manifest, found)
