"""Waiting for Dagster's pools: cheaply, in words, and never for the dead.

Left to itself Dagster waits in this process by asking without a pause, and for a slot whose run
was killed it waits forever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import filelock

from cra_pipeline.cli.instance import bury_dead_runs
from cra_pipeline.contracts.workspace import Layout

if TYPE_CHECKING:
    import dagster as dg
    from dagster._utils.concurrency import ConcurrencyKeyInfo

PAUSE_S = 1.0
"""Seconds between two looks at a pool that is full."""

_PARTITION_TAG = "dagster/partition"


@contextmanager
def turn(
    layout: Layout, instance: dg.DagsterInstance, pool: str, tell: Callable[[str], None]
) -> Iterator[None]:
    """Hold the pool for the time of the block, as far as runs of the shell are concerned.

    Files decide between those, because the system frees them when their process is killed. Runs
    of Dagster's own UI are waited for by looking at the pool's slots.

    Args:
        layout: The workspace.
        instance: Its instance.
        pool: Name of the pool.
        tell: Told once, and only if there is someone to wait for.
    """
    told = False

    def wait(ready: Callable[[], bool]) -> None:
        nonlocal told
        while not ready():
            if not told:
                tell(f"waiting for {_who(instance, pool)}, which is at work in this workspace")
                told = True
            time.sleep(PAUSE_S)

    layout.locks.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # Who waits holds the door: else a run of many partitions would never let another in.
        with ExitStack() as door:
            wait(lambda: _taken(door, filelock.FileLock(layout.locks / f"pool--{pool}--next.lock")))
            wait(lambda: _taken(stack, filelock.FileLock(layout.locks / f"pool--{pool}.lock")))
        wait(lambda: _has_room(instance, pool))
        yield


def _taken(stack: ExitStack, lock: filelock.BaseFileLock) -> bool:
    try:
        stack.enter_context(lock.acquire(timeout=0))
    except filelock.Timeout:
        return False
    return True


def _has_room(instance: dg.DagsterInstance, pool: str) -> bool:
    """Whether a slot is free, once those of dead runs are."""
    if _is_open(_slots(instance, pool)):
        return True
    return bool(bury_dead_runs(instance)) and _is_open(_slots(instance, pool))


def _slots(instance: dg.DagsterInstance, pool: str) -> ConcurrencyKeyInfo:
    return instance.event_log_storage.get_concurrency_info(pool)


def _is_open(info: ConcurrencyKeyInfo) -> bool:
    # A slot is assigned to a waiting step before the step claims it.
    return info.limit is None or len(_holders(info)) < info.limit


def _holders(info: ConcurrencyKeyInfo) -> set[str]:
    return info.active_run_ids | info.assigned_run_ids


def _who(instance: dg.DagsterInstance, pool: str) -> str:
    """The run that holds the pool, such as ``another run (attempts till|r01)``."""
    for run_id in sorted(_holders(_slots(instance, pool))):
        if run := instance.get_run_by_id(run_id):
            assets = sorted(key.to_user_string() for key in run.asset_selection or ())
            what = " ".join([*assets, run.tags.get(_PARTITION_TAG, "")]).strip()
            return f"another run ({what or run.job_name})"
    return "another run"
