"""Whether a task's hidden tests pass before the agent has done anything.

What the commit changes beside Python is put into every proposal, and what it deletes is gone from
the base. Where that alone turns the tests green, a pass says nothing of the agent: one control run
for a task and its base tells, before any attempt.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import filelock

from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.testrun import TestResult, TestRunReport, TestRunRequest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.diffs import Blob
from cra_pipeline.integrations.agents.supplies import Materials
from cra_pipeline.integrations.clean_room.bases import TaskBase
from cra_pipeline.integrations.clean_room.expressing import Expressed
from cra_pipeline.integrations.clean_room.launch import NotStartedError
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.integrations.git.checkout import write_layer
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.testrun.runner import PytestRunner

_FILE = "100644"


class ControlRecord(Record):
    """``control-<key>.json`` beside the base: what became of the hidden tests without an edit."""

    passes: bool


def nothing_suffices(  # noqa: PLR0913, PLR0917  # everything about one run
    layout: Layout,
    sandbox: Sandbox,
    task: TaskRow,
    materials: Materials,
    base: TaskBase,
    said: Expressed,
    *,
    limits: Limits,
) -> bool:
    """Whether every expected test passes at the base with the given files, and no edit.

    Nothing is run where the base holds nothing of the commit: admission has seen those tests fail.
    The result is kept beside the base, as long as the run came to its end.

    Args:
        layout: The workspace.
        sandbox: Where the tests run.
        task: The admitted task.
        materials: Of the task.
        base: Its prepared base.
        said: What is given, and what the hidden tests hold.
        limits: Of the run.

    Raises:
        NotStartedError: The sandbox did not start.
        SandboxError: It cannot be had on this machine at all.
        StoreError: The disk is full.
    """
    free = {*said.given, *said.deleted, *said.prepared} - materials.hidden
    if task.kind == "tests-only" or not free:
        return False
    laid = _laid(said)
    stamp = base.folder / f"control-{_key(task, materials, laid)}.json"
    with filelock.FileLock(layout.locks / f"agent_bases--{base.folder.name}.control.lock"):
        if stamp.exists():
            return read_record(stamp, ControlRecord).passes
        report = _run(layout, sandbox, task, materials, base, laid, limits)
        if report.ending is Ending.NOT_STARTED:
            raise NotStartedError(f"control without an edit: {report.detail}")
        record = ControlRecord(passes=_is_green(report, task))
        if report.complete:
            write_record(stamp, record)
        return record.passes


def _laid(said: Expressed) -> dict[str, Blob]:
    """Files that lie over the base: the hidden tests and all that is given."""
    tests = {path: Blob(_FILE, said.after[path].encode()) for path in said.tests}
    return {**tests, **said.given}


def _key(task: TaskRow, materials: Materials, laid: Mapping[str, Blob]) -> str:
    files = sorted(
        (path, blob.mode, hashlib.sha256(blob.content).hexdigest()) for path, blob in laid.items()
    )
    what = [task.digest(), materials.environment.digest(), files]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _run(  # noqa: PLR0913, PLR0917  # as above
    layout: Layout,
    sandbox: Sandbox,
    task: TaskRow,
    materials: Materials,
    base: TaskBase,
    laid: Mapping[str, Blob],
    limits: Limits,
) -> TestRunReport:
    layout.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("testrun")) as name:
        folder = Path(name)
        folder.chmod(0o755)
        request = TestRunRequest(
            tree=base.tree,
            layers=(write_layer(folder / "laid", laid),),
            environment=materials.environment,
            env_folder=materials.env_folder,
            test_files=task.test_files,
            # The repository's own code runs here, none of a model: there is nobody to catch.
            sentinels=False,
            limits=limits,
        )
        return PytestRunner(sandbox, layout.scratch).run(request)


def _is_green(report: TestRunReport, task: TaskRow) -> bool:
    passed = {item.test_id for item in report.outcomes if item.result is TestResult.PASSED}
    expected = {*task.fail_to_pass, *task.pass_to_pass} - {*task.quarantined}
    return report.complete and expected <= passed
