"""Single answers to the agent's planning calls, read as leniently as the agent reads them.

Pure. What the agent would refuse is a ``ValueError`` here, whatever a model wrote, and so is a
plan beyond all measure; putting the answers of an attempt together is ``harness.plans``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cra_pipeline.harness.dependencies import is_sound

FENCE = "```"
MOST = 1000
"""Most entries of one list; the agent has no limit, but a longer one is no plan for a commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A part or a step, as answered.

    Attributes:
        id: Unique within its answer.
        description: Never empty; later prompts repeat it.
        files: Paths as the model wrote them.
        symbols: Names as the model wrote them; a part has none.
        depends_on: Ids of the same answer.
    """

    id: str
    description: str
    files: tuple[str, ...]
    symbols: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A file and a symbol in it that ought to change."""

    file: str
    symbol: str


def read_parts(text: str) -> tuple[Item, ...]:
    """The parts of a meta plan.

    Raises:
        ValueError: The agent would refuse the answer.
    """
    answer = _object(text, "task_summary", "rationale")
    return _sound(tuple(_item(part, "affected_files", "") for part in _objects(answer, "parts")))


def read_steps(text: str) -> tuple[Item, ...]:
    """The steps of a part plan or a test plan.

    Raises:
        ValueError: The agent would refuse the answer.
    """
    return _sound(_steps(text))


def read_design(text: str) -> tuple[Item, ...]:
    """The steps of a step design, without dependencies: the agent asks for those apart.

    Raises:
        ValueError: The agent would refuse the answer.
    """
    return tuple(replace(step, depends_on=()) for step in _steps(text))


def read_points(text: str) -> tuple[Point, ...]:
    """The change points of an enumeration.

    Raises:
        ValueError: The agent would refuse the answer.
    """
    answer = _object(text, "task_summary")
    return tuple(_point(point, "change_type") for point in _objects(answer, "change_points"))


def read_targets(text: str) -> tuple[Point, ...]:
    """The targets of a symbol targeting.

    Raises:
        ValueError: The agent would refuse the answer.
    """
    answer = _object(text, "part_id")
    return tuple(_point(target, "action") for target in _objects(answer, "targets"))


def read_groups(text: str, points: Sequence[Point]) -> tuple[Item, ...]:
    """The parts of a grouping of ``points``, with the points' symbols.

    Raises:
        ValueError: The agent would refuse the answer, or a point is in no part or in several.
    """
    parts, taken = [], []
    for group in _objects(_object(text), "parts"):
        part = _item(group, "affected_files", "")
        indices = group.get("change_point_indices")
        if not isinstance(indices, list) or not indices or not _are_counts(indices):
            raise ValueError(f"change_point_indices: {indices!r}, expected a list of numbers")
        taken.extend(indices)
        symbols = tuple(points[index].symbol for index in indices if index < len(points))
        parts.append(replace(part, symbols=symbols, depends_on=()))
    if sorted(taken) != list(range(len(points))):
        raise ValueError(f"change points {taken}, expected each of {len(points)} exactly once")
    return _sound(tuple(parts))


def _steps(text: str) -> tuple[Item, ...]:
    answer = _object(text, "part_id", "task_summary", "rationale")
    steps = _objects(answer, "steps")
    return tuple(_item(step, "target_files", "target_symbols") for step in steps)


def _are_counts(values: Sequence[object]) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def _json(text: str) -> object:
    """JSON in at most one fence that opens the answer; prose beside it is refused."""
    text = text.strip()
    if text.startswith(FENCE):
        lines = text.split("\n")[1:]
        if lines and lines[-1].strip() == FENCE:
            del lines[-1]
        text = "\n".join(lines)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply to be read") from error


def _object(text: str, *required: str) -> dict[str, Any]:
    found = _json(text)
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__}, expected an object")  # noqa: TRY004  # an answer's fault, not a caller's
    for name in required:
        if not found.get(name):
            raise ValueError(f"{name} is missing or empty")
    return found


def _objects(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    if not isinstance(found, list) or not found:
        raise ValueError(f"{name}: {type(found).__name__}, expected a list that is not empty")
    if len(found) > MOST:
        raise ValueError(f"{name} holds {len(found)} entries, expected at most {MOST}")
    if not all(isinstance(item, dict) for item in found):
        raise ValueError(f"{name} holds something else than objects")
    return found


def _item(found: Mapping[str, Any], files: str, symbols: str) -> Item:
    return Item(
        id=_name(found, "id"),
        description=_name(found, "description"),
        files=_names(found, files),
        symbols=_names(found, symbols) if symbols else (),
        depends_on=_names(found, "depends_on"),
    )


def _point(found: Mapping[str, Any], change: str) -> Point:
    for name in (change, "rationale"):
        _name(found, name)
    return Point(file=_name(found, "file_path"), symbol=_name(found, "symbol"))


def _name(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str | int) or not value:
        raise ValueError(f"{name}: {value!r}, expected text that is not empty")
    return str(value)


def _names(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = found.get(name, [])
    if isinstance(value, str):
        # The agent takes it and goes through its letters: nothing that it could find.
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
        raise ValueError(f"{name}: {value!r}, expected a list of names")
    return tuple(str(item) for item in value)


def _sound(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not is_sound([item.id for item in items], {item.id: item.depends_on for item in items}):
        raise ValueError("ids occur twice, are unknown, or depend on one another in a circle")
    return items
