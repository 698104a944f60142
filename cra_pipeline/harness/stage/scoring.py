"""Judges a patch from outside; nothing is stored."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from cra_pipeline.contracts.ports import TestRunner
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError
from cra_pipeline.harness.attempts import attempt_row, judged_nothing, outside_run
from cra_pipeline.harness.policy import AttemptPolicy
from cra_pipeline.harness.records import unit_key
from cra_pipeline.harness.stage.workshops import TASKS, workshop
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.git.patches import PatchError, apply_patch
from cra_pipeline.integrations.leftovers import prefix_of, sweep


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
    shop = workshop(layout, task.repo, runner)
    plan, run = outside_run()
    name = unit_key(task.digest(), hashlib.sha256(patch).hexdigest())
    text = patch.decode(errors="replace")
    layout.scratch.mkdir(parents=True, exist_ok=True)
    sweep(layout.scratch)
    with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("score")) as folder:
        try:
            change = apply_patch(Path(folder), layout.snapshot(task.repo), task.base_sha, patch)
        except PatchError as error:
            tally = judged_nothing(Outcome.AGENT_ERROR, "patch_does_not_apply", str(error))
            return attempt_row(
                task, "", plan, run, tally, attempt_id=name, patch=text, imports=False
            )
    tally, imports = shop.judge(task, change, AttemptPolicy())
    return attempt_row(task, "", plan, run, tally, attempt_id=name, patch=text, imports=imports)


def _admitted(layout: Layout, task_id: str) -> TaskRow:
    repo = task_id.rpartition("-")[0]
    path = layout.table(TASKS, repo or "?")
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
