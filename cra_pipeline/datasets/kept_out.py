"""What of a kept-out task a training row could give away. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cra_pipeline.contracts.tasks import TaskRow


def added_lines(task: TaskRow) -> Iterator[str]:
    """Lines that its gold change and its tests add, without signs; those that only move are not.

    What the base holds already stands in many prompts of the same repository, and gives nothing
    away.
    """
    for patch in (task.gold_patch, task.test_patch):
        lines = patch.splitlines()
        gone = {line[1:].strip() for line in lines if _is(line, "-")}
        for line in lines:
            if _is(line, "+") and line[1:].strip() not in gone:
                yield line[1:]


def _is(line: str, sign: str) -> bool:
    return line.startswith(sign) and not line.startswith(sign * 3)
