"""What an attempt planned: the answers of its planning calls as one list of steps.

Pure. Parts and their steps become one graph: a step waits for its own dependencies and for every
step of the parts that its part depends on, a test step for all code steps of its part. The order
in which steps are listed means nothing. Revised steps of an adjustment are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from itertools import takewhile

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.harness.dependencies import is_sound, reached
from cra_pipeline.harness.plan_answers import (
    Item,
    Point,
    read_design,
    read_groups,
    read_parts,
    read_points,
    read_steps,
    read_targets,
)
from cra_pipeline.kinds import read_verdict

_OPENS_META = frozenset({"meta_plan", "change_point_enum"})
_OPENS_PART = frozenset({"part_plan", "symbol_targeting"})
_SIDE = re.compile(r"^(?:Part|Step) (?P<side>[AB])\s+\W\s+(?P<text>.*)$", re.MULTILINE)
_INDEX = re.compile(r"\b(?P<side>[AB]) \(index (?P<index>\d+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step of a plan.

    Attributes:
        id: ``<part>`` where a part has no plan of its own, ``<part>:<step>``, or
            ``<part>:test:<step>``.
        files: Paths as planned.
        symbols: Names as planned, bare or qualified, of any of the files.
        depends_on: Ids of steps that come before.
    """

    id: str
    files: tuple[str, ...]
    symbols: tuple[str, ...]
    depends_on: tuple[str, ...]


@dataclass(slots=True)
class _Part:
    """Calls that plan one part, in order."""

    item: Item
    planned: list[CallRecord] = field(default_factory=list)
    tested: list[CallRecord] = field(default_factory=list)


def planned(calls: Iterable[CallRecord]) -> tuple[PlannedStep, ...] | None:
    """The whole plan of one attempt.

    A part whose own plan is malformed plans nothing, as the agent skips it; a part that was never
    planned stands as one step. A malformed test plan leaves out its steps only.

    Args:
        calls: Of one attempt, in order; other kinds than planning ones, and calls without an
            answer, are passed over.

    Returns:
        None where nothing was planned: no call for it, or the first plan was malformed.
    """
    answered = [call for call in calls if call.finish != "error"]
    opening = [at for at, call in enumerate(answered) if call.call_kind in _OPENS_META]
    if not opening:
        return None
    answered = answered[opening[-1] :]
    try:
        parts = _ordered(_parts(answered))
    except ValueError:
        return None
    return _joined(_shared_out(answered, [_Part(part) for part in parts]))


def code_steps(plan: Iterable[PlannedStep]) -> tuple[PlannedStep, ...]:
    """The steps that change code; what the hidden tests would be is another matter."""
    return tuple(step for step in plan if ":test:" not in step.id)


def planned_in(call: CallRecord) -> tuple[PlannedStep, ...] | None:
    """The plan that one answer holds by itself: of a meta, part or test plan or a step design.

    Returns:
        None where it is malformed, cut off by an error, or of another kind.
    """
    readers = {
        "meta_plan": read_parts,
        "part_plan": read_steps,
        "test_plan": read_steps,
        "step_design": read_design,
    }
    if call.call_kind not in readers or call.finish == "error":
        return None
    try:
        items = readers[call.call_kind](call.response)
    except ValueError:
        return None
    return tuple(_step(item.id, item, item.depends_on) for item in items)


def _parts(calls: Sequence[CallRecord]) -> tuple[Item, ...]:
    if calls[0].call_kind == "meta_plan":
        return read_parts(calls[0].response)
    points = read_points(calls[0].response)
    until_first_part = list(
        takewhile(lambda call: call.call_kind not in _OPENS_PART | {"test_plan"}, calls)
    )
    return _with_dependencies(_grouped(points, until_first_part), until_first_part)


def _grouped(points: Sequence[Point], calls: Sequence[CallRecord]) -> tuple[Item, ...]:
    whole = [call for call in calls if call.call_kind == "part_grouping"]
    if whole:
        return read_groups(whole[-1].response, points)
    together = list(range(len(points)))
    for call in calls:
        if call.call_kind == "part_grouping_binary" and read_verdict(call.response):
            pair = sorted(int(found["index"]) for found in _INDEX.finditer(call.prompt))[:2]
            if len(pair) == 2 and pair[1] < len(points):  # noqa: PLR2004  # a pair
                low, high = sorted(together[index] for index in pair)
                together = [low if group == high else group for group in together]
    groups = [
        [point for point, group in zip(points, together, strict=True) if group == first]
        for first in dict.fromkeys(together)
    ]
    return tuple(_part(f"p{number}", group) for number, group in enumerate(groups, 1))


def _part(name: str, points: Sequence[Point]) -> Item:
    files = tuple(dict.fromkeys(point.file for point in points))
    symbols = tuple(dict.fromkeys(point.symbol for point in points))
    # Not the agent's whole sentence, but the piece of it that names symbols and files.
    what, where = ", ".join(symbols), ", ".join(files)
    described = f"{what} in {where}" if len(files) == 1 else f"{where}: {what}"
    return Item(id=name, description=described, files=files, symbols=symbols)


def _with_dependencies(items: tuple[Item, ...], calls: Iterable[CallRecord]) -> tuple[Item, ...]:
    """Items with what pairwise questions made them wait for.

    Raises:
        ValueError: A question's answer says neither yes nor no, or the items wait in a circle.
    """
    waits: dict[str, list[str]] = {item.id: [] for item in items}
    for call in calls:
        if call.call_kind in {"part_dependency", "step_dependency"}:
            verdict = read_verdict(call.response)
            if verdict is None:
                raise ValueError(f"{call.response[:40]!r} says neither yes nor no")
            pair = _pair(call.prompt, items)
            if verdict and pair:
                waits[pair[1]].append(pair[0])
    if not is_sound([item.id for item in items], waits):
        raise ValueError("ids occur twice or wait for one another in a circle")
    return tuple(replace(item, depends_on=tuple(waits[item.id])) for item in items)


def _pair(prompt: str, items: Iterable[Item]) -> tuple[str, str] | None:
    """Ids of the two that a pairwise question is about: A, then B, which may depend on A."""
    ids = sorted((item.id for item in items), key=len, reverse=True)
    sides = {
        found["side"]: next((name for name in ids if found["text"].startswith(f"{name}:")), "")
        for found in _SIDE.finditer(prompt)
    }
    pair = sides.get("A", ""), sides.get("B", "")
    return pair if all(pair) else None


def _ordered(parts: Sequence[Item]) -> list[Item]:
    """Parts in an order in which none comes before what it depends on."""
    by_id = {part.id: part for part in parts}
    order = TopologicalSorter({part.id: part.depends_on for part in parts}).static_order()
    return [by_id[name] for name in order]


def _shared_out(calls: Iterable[CallRecord], parts: list[_Part]) -> list[_Part]:
    """Every call to the part that it plans: its prompt repeats the part's description."""
    current: _Part | None = None
    for call in calls:
        if call.call_kind in _OPENS_PART:
            current = _addressed(call, [part for part in parts if not part.planned])
        if call.call_kind in _OPENS_PART | {"step_design", "step_dependency"} and current:
            current.planned.append(call)
        if call.call_kind == "test_plan":
            tested = _addressed(call, [part for part in parts if not part.tested])
            if tested:
                tested.tested.append(call)
    return parts


def _addressed(call: CallRecord, waiting: Sequence[_Part]) -> _Part | None:
    longest = sorted(waiting, key=lambda part: len(part.item.description), reverse=True)
    named = (part for part in longest if part.item.description in call.prompt)
    return next(named, waiting[0] if waiting else None)


def _joined(parts: Sequence[_Part]) -> tuple[PlannedStep, ...]:
    before = reached({part.item.id: part.item.depends_on for part in parts})
    code = {part.item.id: _code_steps(part) for part in parts}
    found: list[PlannedStep] = []
    for part in parts:
        name = part.item.id
        earlier = [step.id for other in sorted(before[name]) for step in code[other]]
        found.extend(_waiting_for(step, earlier) for step in code[name])
        own = [step.id for step in code[name]]
        found.extend(_waiting_for(step, [*earlier, *own]) for step in _test_steps(part))
    return tuple(found)


def _waiting_for(step: PlannedStep, others: Iterable[str]) -> PlannedStep:
    return replace(step, depends_on=tuple(dict.fromkeys([*step.depends_on, *others])))


def _code_steps(part: _Part) -> list[PlannedStep]:
    if not part.planned:
        return [_step(part.item.id, part.item, ())]
    try:
        items = _steps(part.planned)
    except ValueError:
        return []
    return _named(f"{part.item.id}:", items)


def _steps(calls: Sequence[CallRecord]) -> tuple[Item, ...]:
    if calls[0].call_kind == "part_plan":
        return read_steps(calls[0].response)
    read_targets(calls[0].response)
    design = next((call for call in calls if call.call_kind == "step_design"), None)
    if design is None:
        raise ValueError("the symbols were targeted, but no steps designed")
    return _with_dependencies(read_design(design.response), calls)


def _test_steps(part: _Part) -> list[PlannedStep]:
    try:
        items = [item for call in part.tested for item in read_steps(call.response)]
    except ValueError:
        return []
    return _named(f"{part.item.id}:test:", items)


def _named(prefix: str, items: Iterable[Item]) -> list[PlannedStep]:
    return [
        _step(prefix + item.id, item, [prefix + other for other in item.depends_on])
        for item in items
    ]


def _step(name: str, item: Item, depends_on: Iterable[str]) -> PlannedStep:
    return PlannedStep(
        id=name, files=item.files, symbols=item.symbols, depends_on=tuple(depends_on)
    )
