"""The order in which rows are learnt: by a seeded draw, or for ``precision`` from easy to hard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

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


def unordered(
    rows: Sequence[Facts], round_name: str, adapter_kind: str, policy: CurriculumPolicy
) -> tuple[str, ...]:
    """Where a harder row comes before an easier one; the first place of new and of replayed rows.

    Args:
        rows: Of a dataset, in its order.
        round_name: Its round: replayed rows are spread among the new ones, each in their own order.
        adapter_kind: Of the dataset.
        policy: Which kinds have an order.
    """
    if adapter_kind not in policy.kinds:
        return ()
    found = []
    for what, replayed in (("new", False), ("replayed", True)):
        chosen = [row for row in rows if (row.round != round_name) == replayed]
        for before, after in pairwise(chosen):
            if after.difficulty < before.difficulty:
                found.append(
                    f"{what} rows of {adapter_kind} are learnt from easy to hard: "
                    f"{after.example_id[:12]} {after.difficulty} comes after "
                    f"{before.example_id[:12]} {before.difficulty}"
                )
                break
    return tuple(found)
