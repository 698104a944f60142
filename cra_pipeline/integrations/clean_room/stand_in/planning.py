"""Plans from the model: in one call each, or decomposed into small ones."""

from __future__ import annotations

import dataclasses
import json
from itertools import combinations, permutations
from typing import Any

from .plans import Item, in_order, read_json, read_plan
from .retrieval import Retrieved, World, retrieve


class Planning:
    """The planning passes of one run."""

    def __init__(self, world: World, task_id: str, task: str) -> None:
        self._world = world
        self._task_id = task_id
        self._task = task
        self._decomposed = bool(world.settings.orchestrator.get("decomposed_planning"))
        self._binary = bool(world.settings.orchestrator.get("decomposed_part_grouping"))

    def parts(self) -> tuple[list[Item], Retrieved]:
        """Parts of the task in order.

        Raises:
            ValueError: The answer is no plan.
        """
        found = retrieve(self._world, f"{self._task_id}:meta_plan", self._task, "plan")
        if self._decomposed:
            parts = self._grouped(found)
        else:
            parts = read_plan(self._ask("meta_plan", found, ""), "parts", "affected_files")
        self._log(found)
        return parts, found

    def steps(self, part: Item, diff: str) -> tuple[list[Item], Retrieved]:
        """Steps of a part in order.

        Raises:
            ValueError: The answer is no plan.
        """
        name = f"{self._task_id}:part_plan:{part.id}"
        found = retrieve(self._world, name, part.description, "plan", part.files)
        earlier = prior_changes(diff)
        if self._decomposed:
            steps = self._designed(part, found, earlier)
        else:
            answer = self._ask("part_plan", found, earlier)
            steps = read_plan(answer, "steps", "target_files")
        self._log(found)
        return steps, found

    def _designed(self, part: Item, found: Retrieved, earlier: str) -> list[Item]:
        targets = read_json(self._ask("symbol_targeting", found, earlier))["targets"]
        answer = self._ask("step_design", found, _analysis(targets) + earlier)
        steps = read_plan(_edgeless(answer), "steps", "target_files")
        told = f"Part: {part.description}\n"
        return self._linked("step_dependency", "Step", told, steps)

    def tests(self, part: Item, diff: str) -> tuple[list[Item], Retrieved]:
        """Test steps of a part in order; no plan means no tests.

        Raises:
            ValueError: The answer is no plan.
        """
        text = f"Plan tests for part {part.id}: {part.description}"
        name = f"{self._task_id}:test_plan:{part.id}"
        found = retrieve(self._world, name, text, "plan", part.files)
        answer = self._ask("test_plan", found, prior_changes(diff))
        steps = read_plan(answer, "steps", "target_files")
        self._log(found)
        return steps, found

    def adjusted(self, part: Item, step: Item, rest: list[Item], diff: str) -> list[Item]:
        """The steps that are left after a look at what was done.

        Raises:
            ValueError: The answer is no adjustment.
        """
        text = f"Remaining steps after {step.id} in part {part.id}"
        found = retrieve(self._world, f"{self._task_id}:adjust:{part.id}:{step.id}", text, "plan")
        done = f"\n<completed_steps>\n{step.id}: {step.description}\n</completed_steps>\n"
        answer = self._ask("adjustment", found, prior_changes(diff) + done)
        revised = read_plan(answer, "revised_steps", "target_files", empty=True)
        self._log(found)
        return revised or rest

    def _ask(self, kind: str, found: Retrieved, rest: str) -> str:
        return self._world.model.ask(kind, found.context.text + rest)

    def _log(self, found: Retrieved) -> None:
        """Write the calls of a pass that gave a plan; those of another are lost, as there."""
        self._world.model.flush(self._world.raw, found.task_id)

    def _grouped(self, found: Retrieved) -> list[Item]:
        points = read_json(self._ask("change_point_enum", found, ""))["change_points"]
        if self._binary:
            parts = self._pairwise(points)
        else:
            answer = self._ask("part_grouping", found, _analysis(points))
            parts = read_plan(_edgeless(answer), "parts", "affected_files")
        return self._linked("part_dependency", "Part", f"Task: {self._task}\n", parts)

    def _pairwise(self, points: list[dict[str, Any]]) -> list[Item]:
        groups = list(range(len(points)))
        for (at, first), (other, second) in combinations(enumerate(points), 2):
            prompt = (
                f"Task: {self._task}\n\n{_point('A', at, first)}\n{_point('B', other, second)}\n"
                "Should these two be one part?"
            )
            if self._world.model.verdict("part_grouping_binary", prompt):
                old, new = groups[other], groups[at]
                groups = [new if group == old else group for group in groups]
        members: dict[int, list[dict[str, Any]]] = {}
        for group, point in zip(groups, points, strict=True):
            members.setdefault(group, []).append(point)
        return [_part(number, group) for number, group in enumerate(members.values(), start=1)]

    def _linked(self, kind: str, label: str, told: str, items: list[Item]) -> list[Item]:
        """The items in order, after each ordered pair was asked about."""
        after: dict[str, list[str]] = {item.id: [] for item in items}
        for first, second in permutations(items, 2):
            prompt = (
                f"{told}\n{label} A — {first.id}: {first.description}\n\n"
                f"{label} B — {second.id}: {second.description}\n\nDoes {label} B need {label} A?"
            )
            if self._world.model.verdict(kind, prompt):
                after[second.id].append(first.id)
        return in_order([dataclasses.replace(item, after=tuple(after[item.id])) for item in items])


def prior_changes(diff: str) -> str:
    """The section with what was done before; none where nothing was."""
    return f"\n<prior_changes>\n{diff}\n</prior_changes>\n" if diff else ""


def _analysis(entries: list[dict[str, Any]]) -> str:
    told = json.dumps(entries, ensure_ascii=False, indent=1)
    return f"\n<prior_analysis>\n{told}\n</prior_analysis>\n"


def _point(side: str, number: int, point: dict[str, Any]) -> str:
    return (
        f"Change Point {side} (index {number}): [{point['change_type']}] {point['file_path']} :: "
        f"{point['symbol']}\n  Rationale: {point['rationale']}\n"
    )


def _part(number: int, points: list[dict[str, Any]]) -> Item:
    files = tuple(dict.fromkeys(str(point["file_path"]) for point in points))
    text = f"Change {' , '.join(files)} -- {points[0]['rationale']}"
    return Item(f"p{number}", text, files, (), ())


def _edgeless(answer: str) -> str:
    """A plan without its own edges: they are asked for one by one."""
    told = read_json(answer)
    for entries in (told.get("parts"), told.get("steps")):
        for entry in entries or ():
            entry["depends_on"] = []
    return json.dumps(told)
