"""What must hold of tasks, attempts and triples before the next stage builds on them. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow
from cra_pipeline.contracts.triples import TripleRow, prompt_hash
from cra_pipeline.harness.controls import CATEGORIES, NOOP
from cra_pipeline.harness.testplans import TEST_CONTROLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What an admitted task has to show.

    Attributes:
        gold: Runs of the gold change.
        controls: Controls of each task.
        full: Tasks with every control, where there are as many.
    """

    gold: int
    controls: int
    full: int

    @classmethod
    def of(cls, policy: str) -> Demands:
        """Read from the policy in a manifest."""
        numbers = json.loads(policy)
        return cls(
            gold=len(numbers["gold_seeds"]),
            controls=numbers["controls_per_task"],
            full=numbers["full_control_tasks"],
        )


def task_findings(tasks: Sequence[TaskRow], *, rows: int, demands: Demands) -> tuple[str, ...]:
    """Whether every admitted task is proven and every other one says why it is none.

    Args:
        tasks: As read back from the table.
        rows: Row count of the manifest.
        demands: Of the policy that the rows were made under.
    """
    found = [*_counted(len(tasks), rows), *_repeated(task.task_id for task in tasks)]
    for task in tasks:
        faults = _unproven(task, demands) if task.admitted else _unexplained(task)
        found.extend(f"{task.task_id}: {fault}" for fault in faults)
    ordinary = [task for task in tasks if task.admitted and task.kind != "tests-only"]
    full = sum(set(CATEGORIES) <= {item.category for item in task.controls} for task in ordinary)
    wanted = min(demands.full, len(ordinary))
    if full < wanted:
        found.append(f"{full} admitted tasks ran every control, expected {wanted}")
    return tuple(found)


def _counted(found: int, rows: int) -> Iterator[str]:
    if found != rows:
        yield f"the manifest counts {rows} rows, the table holds {found}"


def _repeated(ids: Iterable[str]) -> Iterator[str]:
    for name, count in sorted(Counter(ids).items()):
        if count > 1:
            yield f"{name}: occurs {count} times"


def _unexplained(task: TaskRow) -> Iterator[str]:
    if not task.reason:
        yield "not admitted and no reason given"


def _unproven(task: TaskRow, demands: Demands) -> Iterator[str]:
    if task.reason:
        yield f"admitted with the reason {task.reason}"
    if not task.statement:
        yield "no statement"
    if not task.fail_to_pass:
        yield "admitted without a FAIL_TO_PASS test"
    if {*task.fail_to_pass} & {*task.pass_to_pass, *task.quarantined}:
        yield "a FAIL_TO_PASS test is listed elsewhere too"
    passed = sum(run.outcome is Outcome.PASSED for run in task.gold_runs)
    if not passed == len(task.gold_runs) == demands.gold:
        yield f"gold passed {passed} of {len(task.gold_runs)} runs, not {demands.gold}"
    yield from _controls(task, demands)


def _controls(task: TaskRow, demands: Demands) -> Iterator[str]:
    categories = [control.category for control in task.controls]
    yield from _repeated(categories)
    if NOOP not in categories:
        yield "admitted without its no-op"
    known = TEST_CONTROLS if task.kind == "tests-only" else tuple(CATEGORIES)
    least = min(demands.controls, len(known))
    run = len({*categories} & {*known})
    if run < least:
        yield f"admitted with {run} controls, expected {least}"
    if task.kind == "tests-only" and (not task.mutants or task.mutants_killed < 1):
        yield "admitted without a killed mutant"
    for control in task.controls:
        if control.outcome not in {Outcome.FAILED, Outcome.TIMED_OUT}:
            yield f"control {control.category} ended {control.outcome}"


def attempt_findings(
    attempts: Sequence[AttemptRow], tasks: Iterable[TaskRow], *, rows: int, round_name: str
) -> tuple[str, ...]:
    """Whether every attempt is one on an admitted task of its round, once, with a reason."""
    admitted = {task.task_id for task in tasks if task.admitted}
    found = [*_counted(len(attempts), rows), *_repeated(row.attempt_id for row in attempts)]
    for row in attempts:
        name = row.attempt_id[:12]
        if row.task_id not in admitted:
            found.append(f"{name}: {row.task_id} is no admitted task")
        if row.round != round_name:
            found.append(f"{name}: belongs to {row.round}, not to {round_name}")
        if (row.outcome is Outcome.PASSED) == bool(row.reason):
            found.append(f"{name}: {row.outcome} with the reason {row.reason!r}")
        if row.agent == "gold_patch" and row.outcome is Outcome.FAILED:
            found.append(f"{name}: gold of {row.task_id} failed: {row.reason}: {row.detail}")
    return tuple(found)


def triple_findings(
    triples: Sequence[TripleRow], attempts: Iterable[AttemptRow], *, rows: int
) -> tuple[str, ...]:
    """Whether every triple repeats an attempt's outcome under its own prompt's hash."""
    known = {row.attempt_id: row for row in attempts}
    found = [*_counted(len(triples), rows), *_repeated(row.triple_id for row in triples)]
    for row in triples:
        name = row.triple_id[:12]
        attempt = known.get(row.attempt_id)
        if attempt is None:
            found.append(f"{name}: attempt {row.attempt_id[:12]} does not exist")
        elif (attempt.outcome, attempt.task_id) != (row.outcome, row.task_id):
            found.append(f"{name}: says {row.outcome} of {row.task_id}, its attempt does not")
        if prompt_hash(row.system, row.prompt) != row.prompt_hash:
            found.append(f"{name}: its prompt has another hash than the row says")
    return tuple(found)
