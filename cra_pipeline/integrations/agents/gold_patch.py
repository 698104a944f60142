"""Proposes what the commit did: the upper bound of every agent, and the source of right answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cra_pipeline.contracts.agents import AgentRun, AttemptPlan
from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.contracts.ports import AgentBackend
from cra_pipeline.contracts.tasks import Proposal, TaskRow
from cra_pipeline.integrations.agents.supplies import Supplies


class GoldPatch:
    """One proposal per task, the right answer itself."""

    name = "gold_patch"
    fingerprint = "1"

    def __init__(self, supplies: Supplies) -> None:
        self._supplies = supplies

    def plans(self, task: TaskRow, files: Mapping[str, str]) -> tuple[AttemptPlan, ...]:
        """The one plan.

        Args:
            task: Not looked at.
            files: Not looked at.
        """
        del task, files
        return (AttemptPlan(agent=self.name, configuration="gold"),)

    def run(
        self, task: TaskRow, plan: AttemptPlan, files: Mapping[str, str], attempt_id: str
    ) -> AgentRun:
        """The commit's own change.

        Args:
            task: The admitted task.
            plan: The one plan.
            files: Text of the changed files at the base.
            attempt_id: Not needed.
        """
        del attempt_id
        try:
            after, problem = self._supplies.right_answer(task), ""
        except ValueError as error:
            after, problem = {}, str(error)
        before = {} if problem else files
        return AgentRun(proposal=proposal(plan, before, after, problem=problem))


def proposal(
    plan: AttemptPlan, before: Mapping[str, str], after: Mapping[str, str], *, problem: str = ""
) -> Proposal:
    """Only what differs, sorted by path."""
    changed = sorted(path for path, text in after.items() if before.get(path) != text)
    return Proposal(
        agent=plan.agent,
        configuration=plan.configuration,
        temperature=plan.temperature,
        seed=plan.seed,
        files=tuple(TextFile(path=path, text=after[path]) for path in changed),
        deleted=tuple(sorted(set(before) - set(after))),
        problem=problem,
    )


@contextmanager
def opened(supplies: Supplies) -> Iterator[AgentBackend]:
    """The backend; it holds nothing open."""
    yield GoldPatch(supplies)
