"""Runs of one workspace take turns: cheaply, in words, and past those that were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg
import filelock
import pytest

from cra_pipeline.cli import turns
from cra_pipeline.cli.instance import PROCESS_TAG, dagster_instance
from cra_pipeline.cli.turns import turn
from cra_pipeline.contracts.workspace import Layout

POOL = "sandbox"
_LATE_S = 240.0
RUN = "8d0f3d9c-0000-4000-8000-000000000001"

HOLDER = """
import time
import dagster as dg
from cra_pipeline.cli.instance import PROCESS_TAG, dagster_instance, this_process
from cra_pipeline.cli.turns import turn
from cra_pipeline.integrations.home import current_layout

@dg.asset(pool="sandbox")
def attempts():
    print("holds", flush=True)
    time.sleep(300)

layout = current_layout()
with dagster_instance(layout) as instance, turn(layout, instance, "sandbox", print):
    dg.materialize([attempts], instance=instance, tags={PROCESS_TAG: this_process()})
"""

WAITER = """
import time
from cra_pipeline.cli.execute import dagster_runner
from cra_pipeline.cli.plan import Cell
from cra_pipeline.cli.terminal import Lines, messages
from cra_pipeline.integrations.home import current_layout

class Told(Lines):
    def waits(self, why):
        self.began = time.process_time()
        print(why, flush=True)

told = Told(messages())
with dagster_runner(current_layout(), ["till"], told) as runner:
    run = runner._executed
    def executed(*given):
        print(time.process_time() - told.began, flush=True)
        return run(*given)
    runner._executed = executed
    print(runner.run(Cell("tasks", "till"), {}).error, flush=True)
"""


@contextmanager
def process(text: str) -> Iterator[subprocess.Popen[str]]:
    """Python at work on a text; killed at the end, if it has not ended by then."""
    command = [sys.executable, "-W", "ignore", "-c", text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        # Who waits forever is ended, and the test fails for what it has not said.
        late = threading.Timer(_LATE_S, running.kill)
        late.start()
        try:
            yield running
        finally:
            late.cancel()
            running.kill()


def line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.usefixtures("layout")
def test_a_run_waits_cheaply_for_another_and_goes_on_when_that_one_is_killed() -> None:
    with process(HOLDER) as holder:
        assert line(holder) == "holds"
        with process(WAITER) as waiter:
            told = line(waiter)
            time.sleep(6)
            still_waits = waiter.poll() is None
            os.kill(holder.pid, signal.SIGKILL)
            cpu_s, error = float(line(waiter) or "inf"), line(waiter)

    job = "__ephemeral_asset_job__"
    assert told == f"waiting for another run ({job}), which is at work in this workspace"
    assert still_waits
    assert cpu_s < 1.5
    # It had its turn, with nothing prepared for it to work on.
    assert error.startswith("commits of till is not ready")


@pytest.fixture
def instance(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setattr(turns, "PAUSE_S", 0.02)
    with dagster_instance(layout) as opened:
        yield opened


def taken(instance: dg.DagsterInstance, tags: dict[str, str], steps: Sequence[str]) -> None:
    """A run whose first step holds the slot and whose others wait for it."""
    run = dg.DagsterRun(
        job_name="task_job",
        run_id=RUN,
        status=dg.DagsterRunStatus.STARTED,
        tags=tags,
    )
    instance.add_run(run)
    instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
    for step in steps:
        instance.event_log_storage.claim_concurrency_slot(POOL, RUN, step)


def test_a_free_pool_is_had_without_a_word(layout: Layout, instance: dg.DagsterInstance) -> None:
    told: list[str] = []
    for _ in range(2):
        with turn(layout, instance, POOL, told.append):
            assert not told


@pytest.mark.parametrize("steps", [["one"], ["one", "two"]], ids=["holding", "waiting, too"])
def test_the_slots_of_a_dead_run_are_had(
    layout: Layout, instance: dg.DagsterInstance, steps: list[str]
) -> None:
    taken(instance, {PROCESS_TAG: "4194304@1"}, steps)
    told: list[str] = []
    with turn(layout, instance, POOL, told.append):
        info = instance.event_log_storage.get_concurrency_info(POOL)

    assert not info.claimed_slots
    assert not info.pending_steps
    assert not told


def test_a_run_of_another_door_is_waited_for_until_its_slot_is_free(
    layout: Layout, instance: dg.DagsterInstance
) -> None:
    taken(instance, {}, ["one"])
    told: list[str] = []

    def tell(why: str) -> None:
        told.append(why)
        instance.event_log_storage.free_concurrency_slots_for_run(RUN)

    with turn(layout, instance, POOL, tell):
        pass

    assert told == ["waiting for another run (task_job), which is at work in this workspace"]


def test_who_waits_is_let_in_before_the_one_that_had_its_turn(
    layout: Layout, instance: dg.DagsterInstance
) -> None:
    layout.locks.mkdir(parents=True, exist_ok=True)
    door = filelock.FileLock(layout.locks / f"pool--{POOL}--next.lock")
    told: list[str] = []

    def leave(why: str) -> None:
        told.append(why)
        door.release()

    with door.acquire(), turn(layout, instance, POOL, leave):
        assert told == ["waiting for another run, which is at work in this workspace"]
