"""Error rates of the gate: who is promoted that gained nothing, and who is not that gained.

``python -m cra_pipeline_tests.benchmarks.gates [SIZE ...]`` prints a line for each number of tasks;
without sizes, those from which ``GatePolicy.least_tasks`` was read. The decision is the gate's own,
on rows as the harness writes them. Ten minutes of one processor for the standing sizes.
"""

from __future__ import annotations

import sys
import time

from cra_pipeline.contracts.reports import silent
from cra_pipeline.gates.answer_simulation import Questions
from cra_pipeline.gates.answer_simulation import promoted as promoted_by_answers
from cra_pipeline.gates.policy import TINY, GatePolicy
from cra_pipeline.gates.simulation import World, rates, smallest_size

SIZES = (60, 100, 130, *range(150, 171, 1), 180, 200, 230, 260)
TINY_SIZES = (6, 7, 8, 10, 12, 16)


def main(sizes: tuple[int, ...]) -> None:
    """Print both tables."""
    world, policy = World(), GatePolicy()
    print(f"execute_code, {world.adapters} adapters of each sort, discordance {world.discordance}")
    print(f"{'tasks':>6} {'no gain':>8} {'gain 10':>8} {'seconds':>8}")
    began, found = time.monotonic(), []
    for row in rates(world, policy, sizes, silent):
        found.append(row)
        spent = time.monotonic() - began
        print(f"{row.tasks:>6} {row.null:>8.2%} {row.power:>8.2%} {spent:>8.0f}", flush=True)
    print(f"smallest size that keeps both promises: {smallest_size(found)}")
    questions = Questions()
    print(f"scope on the tiny base, {2 * questions.each} questions a task")
    print(f"{'tasks':>6} {'no gain':>8} {'gain 30':>8}")
    for tasks in TINY_SIZES:
        null = promoted_by_answers(questions, 0.0, tasks, TINY)
        real = promoted_by_answers(questions, TINY.smallest_effect, tasks, TINY)
        print(f"{tasks:>6} {null:>8.2%} {real:>8.2%}", flush=True)


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
