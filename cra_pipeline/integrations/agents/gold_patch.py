"""Proposes what the commit did: the upper bound of every agent, and the source of right answers."""

from __future__ import annotations

from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.contracts.tasks import Proposal, TaskRow
from cra_pipeline.integrations.agents.table import Oracle


class GoldPatch:
    """One proposal per task, the right answer itself."""

    name = "gold_patch"

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def propose(self, task: TaskRow, files: dict[str, str]) -> tuple[Proposal, ...]:
        """The commit's own change.

        Args:
            task: The admitted task.
            files: Text of the changed files at the base.
        """
        try:
            after, problem = self._oracle.right_answer(task), ""
        except ValueError as error:
            after, problem = {}, str(error)
        return (proposal(self.name, "gold", {} if problem else files, after, problem=problem),)


def proposal(  # noqa: PLR0913  # what distinguishes one proposal from another
    agent: str,
    configuration: str,
    before: dict[str, str],
    after: dict[str, str],
    *,
    seed: int = 0,
    problem: str = "",
) -> Proposal:
    """Only what differs, sorted by path."""
    changed = sorted(path for path, text in after.items() if before.get(path) != text)
    return Proposal(
        agent=agent,
        configuration=configuration,
        temperature=0.0,
        seed=seed,
        files=tuple(TextFile(path=path, text=after[path]) for path in changed),
        deleted=tuple(sorted(set(before) - set(after))),
        problem=problem,
    )
