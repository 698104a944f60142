"""What follows from "depends on": reach and loops in a small graph. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter


def reached(depends_on: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """All that each name depends on, at any distance.

    Args:
        depends_on: What each name depends on directly; names that are no key depend on nothing.

    Returns:
        One entry per key; a name is in its own entry only where it lies on a loop.
    """
    found: dict[str, frozenset[str]] = {}
    for name in _providers_first(depends_on):
        found[name] = _from(name, depends_on, found)
    return {name: found[name] for name in depends_on}


def _providers_first(depends_on: Mapping[str, Collection[str]]) -> list[str]:
    """The keys, so that as much as can be is known of what each one depends on."""
    try:
        order = list(TopologicalSorter(depends_on).static_order())
    except CycleError:
        return list(depends_on)
    return [name for name in order if name in depends_on]


def _from(
    name: str, depends_on: Mapping[str, Collection[str]], known: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(depends_on[name])
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        if current in known:
            found |= known[current]
        else:
            waiting.extend(depends_on.get(current, ()))
    return frozenset(found)


def is_sound(ids: Collection[str], depends_on: Mapping[str, Collection[str]]) -> bool:
    """Whether no id occurs twice, every dependency is known, and nothing depends on itself."""
    known = set(ids)
    unique = len(known) == len(ids)
    complete = all(known.issuperset(others) for others in depends_on.values())
    return unique and complete and not _loops(depends_on)


def _loops(depends_on: Mapping[str, Collection[str]]) -> bool:
    """Whether something depends on itself; in one pass, however long the chains are."""
    try:
        TopologicalSorter(depends_on).prepare()
    except CycleError:
        return True
    return False
