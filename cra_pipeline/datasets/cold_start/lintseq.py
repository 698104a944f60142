"""Whole programs as sequences of edits that each leave a lint-clean program behind.

The method is LintSeq (Piterbarg, Pinto, Fergus: "Training Language Models on Synthetic Edit
Sequences Improves Code Synthesis", arXiv 2410.02749): lines are deleted at random from the
finished program, and with each everything that a linter then objects to, until nothing is left;
read backwards, the states are a way of writing the program. No model is asked. Of long sequences
some states are left out here, so that a step is worth a call of the agent.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cra_pipeline.datasets.cold_start.lint import faulty_lines
from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted
from cra_pipeline.diffs import changes, lines_of
from cra_pipeline.gold.syntax import definitions, innermost

Linter = Callable[[str], frozenset[int]]
"""Lines at fault in a program, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintSeqPolicy:
    """The numbers of edit sequences.

    Attributes:
        most_steps: Steps into which a program is cut at most.
        most_lines: Longer programs are left alone: each deletion lints the whole text.
    """

    most_steps: int = 4
    most_lines: int = 200


def steps_of(
    wanted: Wanted, policy: LintSeqPolicy, *, seed: str, linter: Linter = faulty_lines
) -> tuple[Wanted, ...] | Dropped:
    """A program's way from stub to end, one change for each step.

    Each step names the definitions that it writes into; the task is the whole one in each.
    """
    states = states_of(wanted.after, policy, seed=seed, linter=linter)
    if isinstance(states, Dropped):
        return states
    befores = (wanted.before, *states[:-1])
    return tuple(
        Wanted(
            task=wanted.task,
            path=wanted.path,
            before=before,
            after=after,
            symbols=_written_into(before, after),
            sha=wanted.sha,
        )
        for before, after in zip(befores, states, strict=True)
    )


def states_of(
    program: str, policy: LintSeqPolicy, *, seed: str, linter: Linter = faulty_lines
) -> tuple[str, ...] | Dropped:
    """Lint-clean states of a program in the order of writing, the last one the whole.

    Equal seeds give equal states.
    """
    lines = lines_of(program)
    if len(lines) > policy.most_lines:
        return Dropped("too_long_for_steps", f"{len(lines)} lines")
    if linter(program):
        return Dropped("not_lint_clean", f"line {min(linter(program))}")
    draw = random.Random(seed)  # noqa: S311  # a seeded draw that anyone can repeat
    states = [program]
    while lines := _without_one(lines, draw, linter):
        states.append("".join(lines))
    return _thinned(states[::-1], policy.most_steps)


def _without_one(lines: Sequence[str], draw: random.Random, linter: Linter) -> list[str]:
    """The lines without a drawn one and all that fails for want of it; none are left blank."""
    told = [number for number, line in enumerate(lines) if line.strip()]
    if not told:
        return []
    drawn = draw.choice(told)
    left = [line for number, line in enumerate(lines) if number != drawn]
    while faults := linter("".join(left)):
        # A linter may blame the end of the text, which is no line.
        last = min(max(faults), len(left))
        gone = faults if last in faults else {last}
        left = [line for number, line in enumerate(left, 1) if number not in gone]
    return left if any(line.strip() for line in left) else []


def _thinned(states: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many states, evenly spread, the last one always kept."""
    count = min(most, len(states))
    places = [(number + 1) * len(states) // count - 1 for number in range(count)]
    return tuple(states[place] for place in places)


def _written_into(before: str, after: str) -> tuple[str, ...]:
    """Innermost definitions of the later text around its new lines, in order."""
    known = definitions(after)
    spots = [line + 1 for change in changes(before, after) for line in change.new]
    found = [innermost(known, line) for line in spots]
    return tuple(dict.fromkeys(item.name for item in found if item is not None))
