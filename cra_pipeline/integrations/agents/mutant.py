"""Proposes near misses of the right answer: negatives whose fault is known."""

from __future__ import annotations

from cra_pipeline.contracts.tasks import Proposal, TaskRow
from cra_pipeline.integrations.agents.gold_patch import proposal
from cra_pipeline.integrations.agents.table import Oracle
from cra_pipeline.mutations import near_misses, spread


class Mutant:
    """The right answer with one fault in its Python code, several times over."""

    name = "mutant"

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def propose(self, task: TaskRow, files: dict[str, str]) -> tuple[Proposal, ...]:
        """Near misses, kinds in turn; none where the right answer cannot be said.

        Args:
            task: The admitted task.
            files: Text of the changed files at the base.
        """
        try:
            after = self._oracle.right_answer(task)
        except ValueError:
            return ()  # ``gold_patch`` reports the same task as inexpressible.
        python_before, python_after = _python(files), _python(after)
        rest = {path: text for path, text in after.items() if path not in python_after}
        seed = f"{self._oracle.seed}:{task.task_id}"
        drawn = spread(near_misses(python_before, python_after), self._oracle.most, seed)
        return tuple(
            proposal(
                self.name,
                f"{miss.kind}#{miss.number}",
                files,
                {**rest, **dict(miss.files)},
                seed=self._oracle.seed,
            )
            for miss in drawn
        )


def _python(files: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.endswith(".py")}
