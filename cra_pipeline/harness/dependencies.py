"""What follows from "depends on": reach and loops in a small graph. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def reached(depends_on: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """All that each name depends on, at any distance.

    Args:
        depends_on: What each name depends on directly; names that are no key depend on nothing.

    Returns:
        One entry per key; a name is in its own entry only where it lies on a loop.
    """
    return {name: _from(name, depends_on) for name in depends_on}


def _from(name: str, depends_on: Mapping[str, Collection[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(depends_on[name])
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(depends_on.get(current, ()))
    return frozenset(found)


def is_sound(ids: Collection[str], depends_on: Mapping[str, Collection[str]]) -> bool:
    """Whether no id occurs twice, every dependency is known, and nothing depends on itself."""
    known = set(ids)
    unique = len(known) == len(ids)
    complete = all(known.issuperset(others) for others in depends_on.values())
    return unique and complete and not any(n in all_ for n, all_ in reached(depends_on).items())
