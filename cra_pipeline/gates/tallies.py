"""What each arm did on each task, counted: from rows to one table of sums per arm.

Only attempts that passed or failed count, and only answers given in them; a task that one arm lacks
is no pair, and so is counted for none. Several seeds are averaged within their task.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cra_pipeline.contracts.gates import HoldoutAnswer, HoldoutAttempt
from cra_pipeline.gates.metrics import COLUMN, FIELDS, Sums
from cra_pipeline.gates.plan_answers import PLANS, is_valid_plan
from cra_pipeline.gates.policy import KindRules

JUDGED = frozenset({"passed", "failed"})
_FILE = re.compile(r"[\w./-]*\w\.(?:pyi?|md|rst|txt|toml|cfg|ini|json|ya?ml)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """Sums by task, the same tasks for every arm.

    Attributes:
        tasks: Ids of the tasks that every arm was judged on, sorted.
        held_out: Which of them come from held-out repositories.
        arms: By arm, one row per task and one column per field.
    """

    tasks: tuple[str, ...]
    held_out: NDArray[np.bool_]
    arms: Mapping[str, Sums]

    def only(self, chosen: NDArray[np.bool_]) -> Tallies:
        """The chosen tasks alone."""
        return Tallies(
            tasks=tuple(task for task, taken in zip(self.tasks, chosen, strict=True) if taken),
            held_out=self.held_out[chosen],
            arms={arm: table[chosen] for arm, table in self.arms.items()},
        )


def faults(attempts: Sequence[HoldoutAttempt], answers: Sequence[HoldoutAnswer]) -> list[str]:
    """Rows that cannot be evidence, one sentence each: what occurs twice, or belongs to nothing."""
    runs = Counter((row.arm, row.task_id, row.seed, row.temperature) for row in attempts)
    calls = Counter(
        (row.arm, row.task_id, row.attempt_id, row.call_number, row.prompt_sha256)
        for row in answers
    )
    known = {(row.arm, row.task_id, row.attempt_id) for row in attempts}
    stray = sorted(
        {f"{row.arm} {row.attempt_id}" for row in answers
         if row.attempt_id and (row.arm, row.task_id, row.attempt_id) not in known}
    )  # fmt: skip
    reasons: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for task, *place in (
        *((row.task_id, row.repo, row.reason) for row in attempts),
        *((row.task_id, row.repo, row.reason) for row in answers),
    ):
        reasons[task].add(tuple(place))
    return [
        *(f"{arm} {task}: seed {seed} at {heat} was counted {count} times"
          for (arm, task, seed, heat), count in sorted(runs.items()) if count > 1),
        *(f"{key[0]} {key[1]}: call {key[3]} of attempt {key[2][:12]} occurs {count} times"
          for key, count in sorted(calls.items()) if count > 1),
        *(f"{name[:40]}: answers of an attempt that is not there" for name in stray),
        *(f"{task}: of more than one repository or reason: {sorted(found)}"
          for task, found in sorted(reasons.items()) if len(found) > 1),
    ]  # fmt: skip


def tally(
    attempts: Iterable[HoldoutAttempt],
    answers: Iterable[HoldoutAnswer],
    rules: KindRules,
    call_kinds: Iterable[str],
) -> Tallies:
    """Count rows; their order does not matter.

    Args:
        attempts: Of all arms.
        answers: Of all arms; ``attempt_id`` is empty for a question of the holdout that was asked
            outside of any attempt.
        rules: Of the kind.
        call_kinds: Calls of the kind; others are left out.
    """
    counted: dict[str, dict[str, Sums]] = defaultdict(dict)
    runs: Counter[tuple[str, str]] = Counter()
    judged: set[tuple[str, str]] = set()
    reasons: dict[str, str] = {}
    for attempt in attempts:
        if attempt.outcome in JUDGED:
            row = _row(counted, attempt.arm, attempt.task_id)
            row[COLUMN["passed"]] += attempt.outcome == "passed"
            runs[attempt.arm, attempt.task_id] += 1
            judged.add((attempt.arm, attempt.attempt_id))
            reasons[attempt.task_id] = attempt.reason
    kinds = frozenset(call_kinds)
    for answer in answers:
        alone = not answer.attempt_id
        if answer.call_kind in kinds and (alone or (answer.arm, answer.attempt_id) in judged):
            _count(_row(counted, answer.arm, answer.task_id), answer, rules)
            reasons[answer.task_id] = answer.reason
    for (arm, task), count in runs.items():
        counted[arm][task] /= count
        counted[arm][task][COLUMN["attempts"]] = 1.0
    return _shared(counted, reasons)


def _row(counted: dict[str, dict[str, Sums]], arm: str, task: str) -> Sums:
    return counted[arm].setdefault(task, np.zeros(len(FIELDS)))


def _shared(counted: Mapping[str, Mapping[str, Sums]], reasons: Mapping[str, str]) -> Tallies:
    every = [set(rows) for rows in counted.values()]
    tasks = tuple(sorted(set.intersection(*every))) if every else ()
    return Tallies(
        tasks=tasks,
        held_out=np.array([reasons[task] == "held_out_repository" for task in tasks], dtype=bool),
        arms={
            arm: np.array([rows[task] for task in tasks]).reshape(len(tasks), len(FIELDS))
            for arm, rows in sorted(counted.items())
        },
    )


def _count(row: Sums, answer: HoldoutAnswer, rules: KindRules) -> None:
    if answer.expected is not None:
        _count_verdict(row, answer, in_classes=not rules.calls or answer.call_kind in rules.calls)
    elif rules.form == "files":
        _count_files(row, answer)
    elif answer.score is not None:
        row[COLUMN["scored"]] += 1
        row[COLUMN["score"]] += answer.score
    if answer.call_kind in PLANS:
        row[COLUMN["plans"]] += 1
        row[COLUMN["valid"]] += is_valid_plan(answer.call_kind, answer.response)


def _count_verdict(row: Sums, answer: HoldoutAnswer, *, in_classes: bool) -> None:
    right = answer.answered is not None and answer.answered == answer.expected
    row[COLUMN["asked"]] += 1
    row[COLUMN["wanted"]] += bool(answer.expected)
    row[COLUMN["right"]] += right
    if in_classes:
        # An answer that could not be read is wrong, whatever was expected.
        wrong = "false_no" if answer.expected else "false_yes"
        row[COLUMN[("true_yes" if answer.expected else "true_no") if right else wrong]] += 1


def _count_files(row: Sums, answer: HoldoutAnswer) -> None:
    wanted, named = named_files(answer.right), named_files(answer.response)
    if wanted:
        row[COLUMN["files_asked"]] += len(wanted)
        row[COLUMN["files_named"]] += len(named)
        row[COLUMN["files_right"]] += len(wanted & named)


def named_files(text: str) -> frozenset[str]:
    """Base names of files in a text: prompts of this kind show no folders."""
    return frozenset(match.rpartition("/")[2] for match in _FILE.findall(text))
