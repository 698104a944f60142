"""The base that an attempt starts from, and changes that the agent's edits cannot say.

The agent can neither add nor delete a file: added ones start as stubs with one name, deleted ones
are gone before it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cra_pipeline.gold.searching import edits_between

STUB = "PLACEHOLDER = None\n"
"""Text of a file that the change adds or first fills: one symbol, or it would never be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The start of an attempt.

    Attributes:
        base: Texts to lay over the parent commit, by path: changed files as they are, stubs, and
            added files that are empty.
        deleted: Files to remove from the parent commit, sorted.
        stubs: Paths that start as stubs, sorted; they give away which files appear.
        edited: Paths that are left to edit, sorted.
        problem: Why the change cannot be expressed; empty where it can.
    """

    base: Mapping[str, str]
    deleted: tuple[str, ...]
    stubs: tuple[str, ...]
    edited: tuple[str, ...]
    problem: str


def prepare(before: Mapping[str, str], after: Mapping[str, str]) -> Prepared:
    """Prepare the base for a change.

    Args:
        before: Text of each changed ``.py`` file at the parent commit; added files are absent.
        after: Text of each after the commit; deleted files are absent.
    """
    stubs = tuple(sorted(path for path, text in after.items() if text and not before.get(path)))
    base = {path: STUB if path in stubs else before.get(path, "") for path in sorted(after)}
    edited = tuple(path for path in base if base[path] != after[path])
    return Prepared(
        base=base,
        deleted=tuple(sorted(set(before) - set(after))),
        stubs=stubs,
        edited=edited,
        problem=_problem(base, after, edited),
    )


def _problem(base: Mapping[str, str], after: Mapping[str, str], edited: Iterable[str]) -> str:
    paths = tuple(edited)
    if not paths:
        return "nothing is left to edit: the change only deletes or adds empty files"
    for path in paths:
        if "\r" in base[path] or "\r" in after[path]:
            return f"{path}: carriage returns, which the agent rewrites as line feeds"
        try:
            edits_between(path, base[path], after[path])
        except ValueError as error:
            return str(error)
    return ""
