"""Preference pairs from commits: the code after it is better than the code before.

The idea is CodeFavor's (Liu et al.: "Learning Code Preference via Synthetic Evolution",
arXiv 2410.03837): a commit that improves code is a judgement on it. Both sides need one prompt, so
the file is shown with the body of the one definition that changed taken out; chosen and rejected
write back the later and the earlier body.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.contracts.datasets import DpoExample
from cra_pipeline.datasets.cold_start.examples import dpo_example
from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted
from cra_pipeline.datasets.failfast import counted, score
from cra_pipeline.diffs import lines_of
from cra_pipeline.gold.syntax import parsed

_HOLE = "raise NotImplementedError"
_LABEL = "pre_commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class FavorPolicy:
    """Which commits may judge.

    Attributes:
        fail_fast_only: Only those that touch error handling and raise the file's fail-fast score:
            of others it is not known that they improve anything.
    """

    fail_fast_only: bool = True


@dataclass(frozen=True, slots=True)
class _Body:
    """Lines ``start:stop`` (from 0) are the body of the function that ``name`` names."""

    name: str
    start: int
    stop: int


def favored(
    row: PublishedRow, wanted: Wanted, system: str, policy: FavorPolicy
) -> DpoExample | Dropped:
    """The pair that a commit gives, or why it gives none.

    Args:
        row: Where the commit comes from.
        wanted: The commit's change.
        system: The agent's system prompt for the call.
        policy: Which commits may judge.
    """
    if policy.fail_fast_only and not _hardens(wanted):
        return Dropped("pair_without_verdict")
    sides = _sides(wanted)
    if isinstance(sides, Dropped):
        return sides
    return dpo_example(row, *sides, system, label=_LABEL)


def _hardens(wanted: Wanted) -> bool:
    """Whether error handling changed, and for the better."""
    before, after = counted(wanted.before), counted(wanted.after)
    if before is None or after is None or before.handling == after.handling:
        return False
    return score(after).total > score(before).total


def _sides(wanted: Wanted) -> tuple[Wanted, Wanted] | Dropped:
    """Both changes of the hollowed file: to the text after the commit, and to that before it."""
    old, new = lines_of(wanted.before), lines_of(wanted.after)
    olds = {body.name: body for body in _bodies(wanted.before)}
    fitting = [
        (olds[body.name], body)
        for body in _bodies(wanted.after)
        if body.name in olds and _rest_equal(old, olds[body.name], new, body)
    ]
    if not fitting:
        return Dropped("pair_not_one_body")
    # The last one is the innermost: methods come after the class's or function's own body.
    before, after = fitting[-1]
    indent = old[before.start][: len(old[before.start]) - len(old[before.start].lstrip())]
    hollow = "".join([*old[: before.start], f"{indent}{_HOLE}\n", *old[before.stop :]])
    better = replace(wanted, before=hollow, symbols=(after.name.rpartition(".")[2],))
    return better, replace(better, after=wanted.before)


def _rest_equal(old: list[str], before: _Body, new: list[str], after: _Body) -> bool:
    """Whether two texts differ in one body alone."""
    return (
        old[: before.start] == new[: after.start]
        and old[before.stop :] == new[after.stop :]
        and old[before.start : before.stop] != new[after.start : after.stop]
    )


def _bodies(text: str) -> list[_Body]:
    """Bodies of functions whose header and body share no line, outer ones first."""
    tree = parsed(text)
    return [] if tree is None else _within(tree.body, "")


def _within(nodes: list[ast.stmt], outer: str) -> list[_Body]:
    found: list[_Body] = []
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            found += _within(node.body, f"{outer}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = _body(node, outer)
            found += [body] if body is not None else []
            found += _within(node.body, f"{outer}{node.name}.")
    return found


def _body(node: ast.FunctionDef | ast.AsyncFunctionDef, outer: str) -> _Body | None:
    """The body below the docstring, which is left as part of the description."""
    told = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if not told or told[0].lineno == node.lineno:
        return None
    first = min([told[0].lineno, *(item.lineno for item in getattr(told[0], "decorator_list", []))])
    return _Body(f"{outer}{node.name}", first - 1, told[-1].end_lineno or first)
