"""The order in which rows are learnt: by a seeded draw, or for ``precision`` from easy to hard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.datasets.facts import Facts, rank
from cra_pipeline.gold.prompts import asked_symbol, task_text
from cra_pipeline.kinds import read_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class CurriculumPolicy:
    """Which kinds are learnt from easy to hard.

    Attributes:
        kinds: Adapter kinds; all others are in a drawn order.
    """

    kinds: tuple[str, ...] = ("precision",)


def difficulty(row: CandidateRow) -> tuple[int, int]:
    """How hard a question about a symbol is, least first.

    Easy is where the task's own words give the answer away: a symbol that it names is wanted, one
    that it does not name is not. Then short before long.
    """
    try:
        name, task = asked_symbol(row.prompt).name, task_text(row.prompt)
    except ValueError:
        return (0, len(row.prompt))
    named = name.rpartition(".")[2] in task
    return (int(named != read_verdict(row.answers[0])), len(row.prompt))


def in_order(
    rows: Iterable[Facts], adapter_kind: str, policy: CurriculumPolicy, *, seed: int
) -> list[Facts]:
    """Rows as they are to be learnt."""
    drawn = sorted(rows, key=lambda row: rank(row.example_id, seed))
    if adapter_kind in policy.kinds:
        drawn.sort(key=lambda row: row.difficulty)
    return drawn
