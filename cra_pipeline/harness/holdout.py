"""Which tasks of a round's holdout are attempted, and the rows that attempts become. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Literal

from cra_pipeline.contracts.agents import AgentSettings, AttemptPlan, TaskForm
from cra_pipeline.contracts.campaigns import AGENT
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sandbox import Limits
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.harness.campaigning import most_valuable
from cra_pipeline.harness.policy import ATTEMPT_LIMITS, AttemptPolicy

Reason = Literal["held_out_repository", "after_cut_off"]

History = Mapping[str, tuple[int, tuple[str, ...]]]
"""Committer date and parents by commit id, of all that a pin reaches, children first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutPolicy:
    """How the holdout is asked.

    Attributes:
        limit: Most tasks over all repositories; 0 for all. They are taken from one repository after
            the other, the most valuable first, so that few repositories do not decide.
        draw: Seeds the order of the repositories.
        seeds: One attempt of each arm on each task for every seed; more than one only where the
            temperature is not 0.
        temperature: Of every call.
        form: How tasks are put to the agent: with file names in the text, whether a file is found
            would hang on no model's answer.
        settings: The agent's configuration.
        limits: Of the run that judges an attempt.
    """

    limit: int = 200
    draw: int = 0
    seeds: tuple[int, ...] = (0,)
    temperature: float = 0.0
    form: TaskForm = "metadata"
    settings: AgentSettings = field(default_factory=lambda: AgentSettings(name="plain"))
    limits: Limits = ATTEMPT_LIMITS

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: There is no seed, one is given twice, or several are where nothing is drawn.
        """
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: expected one or more, each once, found {self.seeds}")
        if len(self.seeds) > 1 and not self.temperature:
            raise ValueError(f"seeds {self.seeds}: at temperature 0 all of them say the same")

    def plans(self) -> tuple[AttemptPlan, ...]:
        """What is asked of the agent for a task, one plan for each seed."""
        return tuple(
            AttemptPlan(
                agent=AGENT,
                configuration=self.settings.name,
                temperature=self.temperature,
                seed=seed,
                task_form=self.form,
            )
            for seed in self.seeds
        )

    def judging(self) -> AttemptPolicy:
        """How a change is judged."""
        return AttemptPolicy(limits=self.limits)


def policy_text(policy: HoldoutPolicy) -> str:
    """One line of JSON with sorted keys, for manifests."""
    return json.dumps(dataclasses.asdict(policy), sort_keys=True, default=_plain)


def policy_of_cells(policy: HoldoutPolicy) -> str:
    """The same of what decides a single attempt: not which tasks and how many seeds there are."""
    alone = dataclasses.replace(policy, limit=0, draw=0, seeds=(0,))
    judged = dataclasses.asdict(policy.judging())
    return policy_text(alone) + json.dumps(judged, sort_keys=True, default=_plain)


def _plain(value: Record) -> dict[str, object]:
    return value.model_dump(mode="json")


def drawn(tasks: Iterable[TaskRow], policy: HoldoutPolicy) -> tuple[TaskRow, ...]:
    """The tasks that are attempted; which ones hangs on no order of the given ones."""
    by_repo: dict[str, list[TaskRow]] = {}
    for task in tasks:
        by_repo.setdefault(task.repo, []).append(task)
    order = sorted(by_repo, key=lambda repo: _lot(policy.draw, repo))
    ranked = [most_valuable(by_repo[repo], 0) for repo in order]
    taken = [task for task in chain.from_iterable(zip_longest(*ranked)) if task is not None]
    return tuple(taken[: policy.limit or None])


def _lot(seed: int, repo: str) -> str:
    return hashlib.sha256(f"{seed}\0{repo}".encode()).hexdigest()


def far_side(task: TaskRow, record: RoundRecord, history: History) -> Reason | None:
    """Why a task lies beyond a round's line, by its record and git alone; None where it does not.

    A commit that was built on one after the cut-off lies beyond it, whatever its own date says.

    Args:
        task: Of a repository that the round lists.
        record: Of the round.
        history: What the round's pin of the repository reaches.
    """
    if task.sha not in history:
        return None
    if task.repo in record.held_out:
        return "held_out_repository"
    return "after_cut_off" if _is_late(task.sha, record.cut_off, history) else None


def _is_late(sha: str, cut_off: int, history: History) -> bool:
    waiting, seen = [sha], {sha}
    while waiting:
        at, parents = history[waiting.pop()]
        if at > cut_off:
            return True
        fresh = [parent for parent in parents if parent in history and parent not in seen]
        seen.update(fresh)
        waiting += fresh
    return False


def by_repo(tasks: Sequence[TaskRow]) -> dict[str, tuple[TaskRow, ...]]:
    """Tasks of each repository in the given order, repositories sorted."""
    names = sorted({task.repo for task in tasks})
    return {repo: tuple(task for task in tasks if task.repo == repo) for repo in names}


def unequal_arms(cells: Mapping[str, Collection[tuple[str, int]]]) -> list[str]:
    """What one arm was asked and another was not, one sentence for each arm.

    Args:
        cells: (task, seed) of each arm's attempts, by arm.
    """
    everything = {cell for asked in cells.values() for cell in asked}
    return [
        f"{arm}: lacks {len(missing)} attempts that another arm has, such as {min(missing)}"
        for arm, asked in sorted(cells.items())
        if (missing := everything - set(asked))
    ]
