"""Proposes near misses of the right answer: negatives whose fault is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cra_pipeline.contracts.agents import AgentRun, AttemptPlan
from cra_pipeline.contracts.ports import AgentBackend
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.integrations.agents.gold_patch import proposal
from cra_pipeline.integrations.agents.supplies import Supplies
from cra_pipeline.mutations import near_misses, spread


class Mutant:
    """The right answer with one fault in its Python code, several times over."""

    name = "mutant"

    def __init__(self, supplies: Supplies) -> None:
        self._supplies = supplies

    @property
    def fingerprint(self) -> str:
        """How many are drawn decides which."""
        return f"1 {self._supplies.most}"

    def plans(self, task: TaskRow, files: Mapping[str, str]) -> tuple[AttemptPlan, ...]:
        """One for each near miss, kinds in turn; none where the right answer cannot be said.

        Args:
            task: The admitted task.
            files: Text of the changed files at the base.
        """
        seed = self._supplies.seed
        return tuple(
            AttemptPlan(agent=self.name, configuration=name, seed=seed)
            for name in self._drawn(task, files)
        )

    def run(
        self, task: TaskRow, plan: AttemptPlan, files: Mapping[str, str], attempt_id: str
    ) -> AgentRun:
        """The near miss of that name.

        Args:
            task: The admitted task.
            plan: One of ``plans``.
            files: Text of the changed files at the base.
            attempt_id: Not needed.
        """
        del attempt_id
        after = self._drawn(task, files)[plan.configuration]
        return AgentRun(proposal=proposal(plan, files, after))

    def _drawn(self, task: TaskRow, files: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Text of the changed files by the near miss's name, in the order of drawing."""
        try:
            after = self._supplies.right_answer(task)
        except ValueError:
            return {}  # ``gold_patch`` reports the same task as inexpressible.
        python_before, python_after = _python(files), _python(after)
        rest = {path: text for path, text in after.items() if path not in python_after}
        seed = f"{self._supplies.seed}:{task.task_id}"
        drawn = spread(near_misses(python_before, python_after), self._supplies.most, seed)
        return {f"{miss.kind}#{miss.number}": {**rest, **dict(miss.files)} for miss in drawn}


def _python(files: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.endswith(".py")}


@contextmanager
def opened(supplies: Supplies) -> Iterator[AgentBackend]:
    """The backend; it holds nothing open."""
    yield Mutant(supplies)
