"""``solve``: plan, edit, test, and keep the branch or undo it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .edits import apply_edits, document, read_edits
from .git import Work
from .knowledge import read_knowledge, text_of
from .model import Model
from .planning import Planning, prior_changes
from .plans import Item
from .retrieval import Retrieved, World, retrieve
from .schema import insert, now, opened, update
from .settings import read_settings
from .testing import validated


def solve(repo: Path, task: str) -> tuple[str, str]:
    """Do a task.

    Returns:
        Status and task id.

    Raises:
        RuntimeError: The tree is not fit, or the model server refused; everything is undone.
    """
    settings = read_settings(repo)
    task_id = str(uuid.uuid4())
    with opened(repo, "curated") as curated, opened(repo, "raw") as raw:
        known = read_knowledge(curated, settings)
        world = World(repo, settings, known, Model(settings), raw)
        work = Work.begun(repo, task_id)
        row = insert(
            raw,
            "orchestrator_runs",
            task_id=task_id,
            repo_path=str(repo),
            task_description=task,
            status="running",
            timestamp=now(),
            git_branch=work.branch,
            git_base_ref=work.base,
        )
        run = Run(world, work, Planning(world, task_id, task), row, task_id)
        status = "failed"
        try:
            status = run.done()
        finally:
            run.settle(status)
    return status, task_id


@dataclass
class Run:
    """One run while it lasts."""

    world: World
    work: Work
    planning: Planning
    row: int
    task_id: str
    results: list[bool] = field(default_factory=list)
    parts: int | None = None
    finished: int = 0
    steps: int = 0
    passes: int = 0
    rounds: int = 0
    error: str = ""

    def done(self) -> str:
        """The status to which all parts lead."""
        self.rounds = int(self.world.settings.orchestrator["max_adjustment_rounds"])
        planned = self._tried(self.planning.parts)
        if planned is None:
            return "failed"
        parts, found = planned
        self._passed("meta_plan", found)
        self.parts = len(parts)
        for part in parts:
            self._part(part)
        if self.results and all(self.results):
            return "complete"
        return "partial" if any(self.results) else "failed"

    def settle(self, status: str) -> None:
        """Keep the work or undo it, and say so in the database."""
        if status == "complete":
            self.work.keep()
        else:
            self.work.undo()
        update(
            self.world.raw,
            "orchestrator_runs",
            self.row,
            status=status,
            total_parts=self.parts,
            total_steps=self.steps,
            parts_completed=self.finished,
            steps_completed=sum(self.results),
            completed_at=now(),
            error_message=self.error or None,
        )

    def _tried(
        self, plan: Callable[[], tuple[list[Item], Retrieved]]
    ) -> tuple[list[Item], Retrieved] | None:
        """A plan; None where the model gave none, whose calls are lost, as with the agent."""
        try:
            return plan()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.world.model.waiting.clear()
            self.error = f"{type(error).__name__}: {error}"
            return None

    def _part(self, part: Item) -> None:
        start = self.work.head()
        planned = self._tried(lambda: self.planning.steps(part, self._diff()))
        if planned is None:
            # A part without a plan is passed over; the run may still be complete.
            return
        steps, found = planned
        self._passed("part_plan", found, part=part.id)
        good = self._steps(part, list(steps))
        if good and self.world.settings.orchestrator["documentation_pass"]:
            self._document(part, start)
        if good and self.work.head() != start:
            good = self._tests(part)
        if good and not validated(self.world):
            good = False
            self.results.append(False)
        if good:
            self.finished += 1
        else:
            self.work.back_to(start)

    def _steps(self, part: Item, steps: list[Item]) -> bool:
        good = True
        while steps:
            step = steps.pop(0)
            good &= self._step("implement", part, step)
            if self.rounds:
                self.rounds -= 1
                steps = self._adjusted(part, step, steps)
        return good

    def _adjusted(self, part: Item, step: Item, steps: list[Item]) -> list[Item]:
        try:
            return self.planning.adjusted(part, step, steps, self._diff())
        except ValueError:
            self.world.model.waiting.clear()
            return steps

    def _tests(self, part: Item) -> bool:
        planned = self._tried(lambda: self.planning.tests(part, self._diff()))
        self.error = ""
        if planned is None:
            return True
        steps, found = planned
        self._passed("test_plan", found, part=part.id)
        done = [self._step("test_implement", part, step) for step in steps]
        return all(done)

    def _step(self, kind: str, part: Item, step: Item) -> bool:
        self.steps += 1
        done = self._edited(kind, part, step)
        self.results.append(done)
        return done

    def _edited(self, kind: str, part: Item, step: Item) -> bool:
        short = "impl" if kind == "implement" else "test_impl"
        name = f"{self.task_id}:{short}:{part.id}:{step.id}"
        try:
            found = retrieve(self.world, name, step.description, "implement", step.files)
            prompt = f"{found.context.text}{_asked(kind, part, step)}{prior_changes(self._diff())}"
            edits = read_edits(answer := self.world.model.ask(kind, prompt))
            applied = apply_edits(self.world.repo, edits)
        except ValueError:
            self.world.model.waiting.clear()
            return False
        call = self.world.model.flush(self.world.raw, name) or {}
        insert(
            self.world.raw,
            "run_attempts",
            task_run_id=found.run,
            attempt=1,
            prompt_tokens=call.get("prompt_tokens"),
            completion_tokens=call.get("completion_tokens"),
            latency_ms=call.get("latency_ms", 0),
            raw_response=answer,
            patch_applied=int(applied),
            timestamp=now(),
        )
        sha = self.work.commit(f"{part.id}:{step.id}") if applied else None
        label = "step_implement" if kind == "implement" else kind
        self._passed(label, found, part=part.id, step=step.id, sha=sha)
        return applied

    def _document(self, part: Item, start: str) -> None:
        for path in self.work.changed(start):
            code = text_of(self.world.repo, path)
            prompt = (
                f"{self.world.knowledge.environment}\n# File: {path}\n"
                f'<code lang="python">\n{code}\n</code>\n\n# Task Context\n{part.description}\n'
            )
            answer = self.world.model.ask("documentation", prompt)
            self.world.model.flush(self.world.raw, f"{self.task_id}:doc:{part.id}")
            try:
                changed = document(self.world.repo / path, answer)
            except ValueError:
                continue
            if changed:
                self.work.commit(f"{part.id}:documentation")

    def _diff(self) -> str:
        return self.work.diff(int(self.world.settings.orchestrator["max_cumulative_diff_chars"]))

    def _passed(
        self, kind: str, found: Retrieved, *, part: str = "", step: str = "", sha: str | None = None
    ) -> None:
        self.passes += 1
        insert(
            self.world.raw,
            "orchestrator_passes",
            orchestrator_run_id=self.row,
            task_run_id=found.run,
            pass_type=kind,
            part_id=part or None,
            step_id=step or None,
            sequence_order=self.passes,
            timestamp=now(),
            commit_sha=sha,
        )


def _asked(kind: str, part: Item, step: Item) -> str:
    header = "Step to Implement" if kind == "implement" else "Test Step to Implement"
    lines = ["", f"# {header}", f"ID: {step.id}", step.description]
    lines += [f"Target files: {', '.join(step.files)}"] if step.files else []
    lines += [f"Target symbols: {', '.join(step.symbols)}"] if step.symbols else []
    lines += ["", "<plan_constraints>", f"Part: {part.id}", f"Goal: {part.description}"]
    return "\n".join([*lines, "</plan_constraints>", ""])
