"""The Dagster instance of the workspace, the same one that ``dagster dev`` opens."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import psutil

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import write_bytes
from cra_pipeline.integrations.home import REPO_PARTITIONS

if TYPE_CHECKING:
    import dagster as dg

PROCESS_TAG = "cra_pipeline/process"
"""Run tag ``<pid>@<start time>`` of the process that executes the run."""

# Keeps a run's output on the terminal: Dagster would pass it through a copying process.
_NO_CAPTURE = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}


def settings(folder: str) -> str:
    """Text of a ``dagster.yaml`` whose state lies in ``folder``; the project's own equals it."""
    template = Path(__file__).with_name("dagster.yaml.j2").read_text(encoding="utf-8")
    quoted = folder.replace("\\", "\\\\").replace('"', '\\"')
    return template.replace("{{ folder }}", quoted)


def home_of(layout: Layout) -> Path:
    """Folder whose ``dagster.yaml`` holds for the workspace; written where there is none.

    The project's own file serves the default workspace. For any other the file is written into
    the workspace, and DAGSTER_HOME is set for this process and those it starts.
    """
    here = Path.cwd()
    if layout.root == here / "workspace" and (here / "dagster.yaml").is_file():
        return here
    path = layout.root / "dagster.yaml"
    text = settings(str(layout.root / "dagster"))
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_bytes(path, text.encode())
    os.environ["DAGSTER_HOME"] = str(layout.root)
    return layout.root


@contextmanager
def dagster_instance(layout: Layout) -> Iterator[dg.DagsterInstance]:
    """Open the instance; created first by one process alone, or SQLite would be corrupted."""
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    home = home_of(layout)
    state = layout.root / "dagster"
    state.mkdir(parents=True, exist_ok=True)
    reference = InstanceRef.from_dir(
        str(state),
        config_dir=str(home),
        overrides=_NO_CAPTURE,
    )
    with filelock.FileLock(state / "created.lock"):
        instance = DagsterInstance.from_ref(reference)
        if not (state / "created").exists():
            instance.get_runs(limit=1)
            (state / "created").touch()
    with instance:
        yield instance


def register(instance: dg.DagsterInstance, repos: Sequence[str]) -> None:
    """Make repositories known to Dagster as partitions; those it knows stay."""
    known = set(instance.get_dynamic_partitions(REPO_PARTITIONS))
    if fresh := sorted(set(repos) - known):
        instance.add_dynamic_partitions(REPO_PARTITIONS, fresh)


def this_process() -> str:
    """Value of ``PROCESS_TAG`` for runs of this process."""
    return f"{os.getpid()}@{psutil.Process().create_time():.0f}"


def bury_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs whose process was killed as failed, and free the pool slots they hold.

    Returns:
        How many there were.
    """
    import dagster as dg

    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
    dead = [
        run
        for run in instance.get_runs(filters=started)
        if PROCESS_TAG in run.tags and not _lives(run.tags[PROCESS_TAG])
    ]
    for run in dead:
        # Before it counts as ended: only runs that have not are looked at the next time.
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        instance.report_run_failed(run, "its process ended before the run did")
    return len(dead)


def _lives(tag: str) -> bool:
    pid, _, began = tag.partition("@")
    try:
        process = psutil.Process(int(pid))
        # One that was killed keeps its number until its parent asks for its end.
        ended = process.status() == psutil.STATUS_ZOMBIE
        return not ended and f"{process.create_time():.0f}" == began
    except psutil.NoSuchProcess:
        return False
