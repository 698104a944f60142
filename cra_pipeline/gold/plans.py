"""Plans in the agent's own JSON, and the texts by which its later passes are known.

Descriptions name the files that they cover, for the agent finds what a text names; paths stand
apart by spaces, for its search loses every second of neighbours that share one separator. Names
of symbols stay out of them: each would bring in every file that defines one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from cra_pipeline.gold.change import GoldChange

PART = "p1"
"""Id that part plans carry: the prompt does not say which part is planned."""

NO_TESTS = "The commit changes no test of this part."
"""Answer to a test plan where there is nothing to plan: no JSON, so that the agent goes on."""


class Planner:
    """Writes the plans of one change."""

    def __init__(self, subject: str, change: GoldChange) -> None:
        self._subject = " ".join(subject.split()) or "Make the change of the task"
        self._change = change

    def meta_plan(self) -> str:
        """All parts, with edges between those that need each other."""
        parts = [
            {
                "id": f"p{number}",
                "description": self._part_text(part),
                "affected_files": list(self._code(part)),
                "depends_on": [
                    f"p{other}"
                    for other, earlier in enumerate(self._change.parts, start=1)
                    if other < number and self._change.depends(part, earlier)
                ],
            }
            for number, part in enumerate(self._change.parts, start=1)
        ]
        return _json(
            {"task_summary": self._subject, "parts": parts, "rationale": _parts_reason(len(parts))}
        )

    def part_plan(self, files: Iterable[str], *, edges: bool) -> str:
        """One step per file of a part, providers first.

        Args:
            files: Files to edit, in order.
            edges: Whether steps say what they depend on.
        """
        return self._steps(files, "s", "Change {path}: {subject}", edges=edges)

    def test_plan(self, files: Iterable[str]) -> str:
        """One step per test file."""
        return self._steps(files, "t", "Cover in {path}: {subject}", edges=True)

    def _steps(self, files: Iterable[str], letter: str, wording: str, *, edges: bool) -> str:
        paths = tuple(files)
        numbers = {path: f"{letter}{number}" for number, path in enumerate(paths, start=1)}
        steps = [
            {
                "id": numbers[path],
                "description": wording.format(path=path, subject=self._subject),
                "target_files": [path],
                "target_symbols": self._symbols(path),
                "depends_on": self._providers(path, numbers) if edges else [],
            }
            for path in paths
        ]
        reason = "One step per file; what others import comes first."
        return _json(
            {"part_id": PART, "task_summary": self._subject, "steps": steps, "rationale": reason}
        )

    def _symbols(self, path: str) -> list[str]:
        return [name for name, _ in self._change.files[path].fates if name != "module"]

    def _providers(self, path: str, numbers: Mapping[str, str]) -> list[str]:
        return [
            number
            for other, number in numbers.items()
            if other != path and self._change.depends([path], [other])
        ]

    def change_points(self) -> str:
        """Every touched symbol, those of tests too: else a lone point would name no test."""
        points = [
            {"file_path": path, "symbol": name, "change_type": fate, "rationale": self._subject}
            for path in self._change.order
            for name, fate in self._change.files[path].fates
        ]
        return _json({"task_summary": self._subject, "change_points": points})

    def targets(self, files: Iterable[str]) -> str:
        """Every touched symbol of a part."""
        points = [
            {"file_path": path, "symbol": name, "action": fate, "rationale": self._subject}
            for path in files
            for name, fate in self._change.files[path].fates
        ]
        return _json({"part_id": PART, "targets": points})

    def grouping(self, paths: Iterable[str]) -> str:
        """Parts of change points, given each one's file; files that no part holds go along."""
        places = list(paths)
        homes = [self._home(path) for path in places]
        parts = []
        for number, home in enumerate(sorted(set(homes)), start=1):
            members = [index for index, other in enumerate(homes) if other == home]
            files = list(dict.fromkeys(places[index] for index in members))
            parts.append(
                {
                    "id": f"p{number}",
                    "description": self._part_text([*files, *self._tests(files)]),
                    "change_point_indices": members,
                    "affected_files": list(self._code(files)) or files,
                }
            )
        return _json({"parts": parts})

    def together(self, first: str, second: str) -> bool:
        """Whether two files belong to one part; strangers to the change go with the first."""
        return self._home(first) == self._home(second)

    def _home(self, path: str) -> int:
        return next((at for at, part in enumerate(self._change.parts) if path in part), 0)

    def _tests(self, files: Iterable[str]) -> tuple[str, ...]:
        homes = {self._home(path) for path in files}
        return tuple(
            path for path in self._change.tests if self._home(path) in homes and path not in files
        )

    def _code(self, part: Iterable[str]) -> tuple[str, ...]:
        return tuple(path for path in part if path not in self._change.tests)

    def _part_text(self, part: Iterable[str]) -> str:
        paths = tuple(part)
        code = self._code(paths)
        tests = tuple(path for path in paths if path not in code)
        lines = [self._subject, f"Code: {' , '.join(code)}"]
        return "\n".join([*lines, f"Tests: {' , '.join(tests)}"] if tests else lines)

    def adjustment(self) -> str:
        """Remaining steps stay as they are."""
        return _json(
            {
                "revised_steps": [],
                "rationale": "The remaining steps are still right.",
                "changes_made": [],
            }
        )


def _parts_reason(count: int) -> str:
    if count == 1:
        return "The changed files depend on each other or share their tests."
    return "The parts neither import each other nor share tests."


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
