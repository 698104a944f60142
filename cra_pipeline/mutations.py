"""Small faults put into Python text, and near misses of a change that was right.

Pure and repeatable. A mutation edits a few bytes and leaves every other byte as it was. Whether a
fault is noticed is for the tests of the repository to say: nothing here runs anything.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cra_pipeline.diffs import changes, lines_of
from cra_pipeline.syntax import parse_python

_BOM = "\ufeff"
_SWAPPED = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">": "<=",
    "<=": ">",
    ">=": "<",
    "is not": "is",
    "is": "is not",
    "not in": "in",
    "in": "not in",
}
_EDGE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_OPERATOR = re.compile(rb"[\s()]*(is\s+not|not\s+in|is|in|==|!=|<=|>=|<|>)[\s()]*\Z")
_DECIMAL = re.compile(rb"(0|[1-9][0-9]*)\Z")
_DROPPABLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.Return, ast.Delete)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One fault at one place.

    Attributes:
        kind: Such as ``negated_condition``.
        line: Line of the edit, from 1.
        column: Byte column of the edit, from 0.
        text: The whole text with the fault in it.
    """

    kind: str
    line: int
    column: int
    text: str


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A right change spoiled in one place.

    Attributes:
        kind: A mutation's kind, ``dropped_hunk`` or ``missing_file``.
        number: Counts the near misses of this kind, from 1.
        path: The file that was spoiled.
        files: Whole text of every changed file by path; what is absent does not exist.
    """

    kind: str
    number: int
    path: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, order=True)
class _Edit:
    """Bytes between two places, each a line from 1 and a byte column, and what replaces them."""

    start: tuple[int, int]
    kind: str
    stop: tuple[int, int]
    replacement: bytes


def mutations(
    text: str, lines: Collection[int] | None = None, *, limit: int | None = None, seed: str = ""
) -> tuple[Mutation, ...]:
    """Faults that lie within the given lines, in order of place, then kind.

    Args:
        text: Python source; text that does not parse has no mutations.
        lines: Line numbers from 1 that may be touched, or None for all.
        limit: Draw at most so many, as ``spread`` does; None for all.
        seed: Of the draw.
    """
    source = text.removeprefix(_BOM)
    mark = text[: len(text) - len(source)]
    rows, edits = _places(source)
    if lines is not None:
        allowed = set(lines)
        edits = [
            edit for edit in edits if allowed.issuperset(range(edit.start[0], edit.stop[0] + 1))
        ]
    if limit is not None:
        edits = list(spread(edits, len(edits), seed))
    found: dict[str, tuple[_Edit, Mutation]] = {}
    # Drawn first, applied later: a long module has thousands of places.
    for edit in edits:
        if limit is not None and len(found) == limit:
            break
        spoiled = _applied(rows, edit)
        if spoiled != source and spoiled not in found and _parses(spoiled):
            mutation = Mutation(edit.kind, *edit.start, mark + spoiled)
            found[spoiled] = (edit, mutation)
    return tuple(mutation for _, mutation in sorted(found.values(), key=lambda item: item[0]))


def mutation_at(text: str, line: int, column: int, kind: str) -> Mutation | None:
    """One fault by its place and kind; None where there is none."""
    source = text.removeprefix(_BOM)
    rows, edits = _places(source)
    for edit in edits:
        if (edit.start, edit.kind) == ((line, column), kind):
            return Mutation(
                kind, line, column, text[: len(text) - len(source)] + _applied(rows, edit)
            )
    return None


def _places(source: str) -> tuple[list[bytes], list[_Edit]]:
    """Lines of a source and all its possible faults in order; none where it does not parse."""
    try:
        tree = parse_python(source)
    except (SyntaxError, ValueError, RecursionError):
        return [], []
    rows = source.encode("utf-8", "surrogateescape").splitlines(keepends=True)
    return rows, sorted(set(_edits(tree, rows)))


def _parses(text: str) -> bool:
    try:
        parse_python(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _applied(rows: list[bytes], edit: _Edit) -> str:
    (first, left), (last, right) = edit.start, edit.stop
    head = [*rows[: first - 1], rows[first - 1][:left]]
    tail = [rows[last - 1][right:], *rows[last:]]
    content = b"".join([*head, edit.replacement, *tail])
    return content.decode("utf-8", "surrogateescape")


def _segment(rows: list[bytes], start: tuple[int, int], stop: tuple[int, int]) -> bytes:
    (first, left), (last, right) = start, stop
    if first == last:
        return rows[first - 1][left:right]
    return b"".join([rows[first - 1][left:], *rows[first : last - 1], rows[last - 1][:right]])


def _start(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _stop(node: ast.expr | ast.stmt) -> tuple[int, int]:
    if node.end_lineno is None or node.end_col_offset is None:
        raise ValueError(f"{ast.dump(node)}: the parser gave no end")
    return node.end_lineno, node.end_col_offset


def _edits(tree: ast.Module, rows: list[bytes]) -> Iterator[_Edit]:
    silent = _without_effect(tree)
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.If | ast.IfExp):
            yield from _negated(node.test, rows)
        elif isinstance(node, ast.Compare):
            yield from _compared(node, rows)
        elif isinstance(node, ast.BoolOp):
            yield from _joined(node, rows)
        elif isinstance(node, ast.Constant):
            yield from _constant(node, rows)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _dropped(node)


def _without_effect(tree: ast.Module) -> set[int]:
    """Nodes whose change no test can see: docstrings, annotations, parts of f-strings."""
    roots: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            roots.append(node)
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            roots.append(node.annotation)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            roots.append(node.returns)
        if isinstance(node, ast.JoinedStr):
            # Places inside f-strings are wrong before Python 3.12.
            roots.append(node)
    return {id(inner) for root in roots for inner in ast.walk(root)}


def _negated(test: ast.expr, rows: list[bytes]) -> Iterator[_Edit]:
    inner = _segment(rows, _start(test), _stop(test))
    yield _Edit(_start(test), "negated_condition", _stop(test), b"(not (" + inner + b"))")


def _compared(node: ast.Compare, rows: list[bytes]) -> Iterator[_Edit]:
    left = node.left
    for right in node.comparators:
        between = _segment(rows, _stop(left), _start(right))
        found = _OPERATOR.match(between)
        if found and b"\n" not in between and b"#" not in between:
            line, column = _stop(left)
            start = (line, column + found.start(1))
            stop = (line, column + found.end(1))
            word = " ".join(found.group(1).decode().split())
            yield _Edit(start, "comparison_swapped", stop, _SWAPPED[word].encode())
            if word in _EDGE:
                yield _Edit(start, "off_by_one", stop, _EDGE[word].encode())
        left = right


def _joined(node: ast.BoolOp, rows: list[bytes]) -> Iterator[_Edit]:
    word, other = (b"and", b"or") if isinstance(node.op, ast.And) else (b"or", b"and")
    left, right = node.values[0], node.values[1]
    between = _segment(rows, _stop(left), _start(right))
    if between.strip(b" ()") == word and len(node.values) == 2:  # noqa: PLR2004  # one operator
        line, column = _stop(left)
        place = column + between.index(word)
        yield _Edit((line, place), "boolean_swapped", (line, place + len(word)), other)


def _constant(node: ast.Constant, rows: list[bytes]) -> Iterator[_Edit]:
    start, stop, value = _start(node), _stop(node), node.value
    literal = _segment(rows, start, stop)
    if isinstance(value, bool):
        yield _Edit(start, "boolean_swapped", stop, str(not value).encode())
    elif isinstance(value, int) and _DECIMAL.match(literal):
        yield _Edit(start, "off_by_one", stop, str(value + 1).encode())
    elif isinstance(value, float):
        yield _Edit(start, "wrong_constant", stop, repr(value + 1.0).encode())
    elif isinstance(value, str | bytes) and value:
        width = 3 if literal.endswith((b"'''", b'"""')) else 1
        spoiled = literal[:-width] + b"XX" + literal[-width:]
        yield _Edit(start, "wrong_constant", stop, spoiled)


def _dropped(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[_Edit]:
    for node in ast.walk(function):
        if isinstance(node, _DROPPABLE) and not _is_text(node):
            yield _Edit(_start(node), "dropped_statement", _stop(node), b"pass")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def near_misses(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[NearMiss, ...]:
    """Every way to spoil one place of a change, without the change undone as a whole.

    Args:
        before: Text of the changed Python files at the base; added files are absent.
        after: Their text with the right change; deleted files are absent.
    """
    changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    seen = {_frozen(before), _frozen(after)}
    counted: dict[str, int] = defaultdict(int)
    found: list[NearMiss] = []
    for path in changed:
        for kind, text in _spoiled(before.get(path), after.get(path), alone=len(changed) == 1):
            files = {name: content for name, content in after.items() if name != path}
            if text is not None:
                files[path] = text
            if _frozen(files) in seen:
                continue
            seen.add(_frozen(files))
            counted[kind] += 1
            found.append(NearMiss(kind, counted[kind], path, _frozen(files)))
    return tuple(found)


def _frozen(files: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(files.items()))


def _spoiled(
    before: str | None, after: str | None, *, alone: bool
) -> Iterator[tuple[str, str | None]]:
    """Kinds and texts; None where the spoiled change has no such file."""
    if not alone:
        yield "missing_file", before
    if after is None:
        return
    parts = changes(before or "", after)
    old, new = lines_of(before or ""), lines_of(after)
    if before is not None:
        for part in parts if len(parts) > 1 else ():
            kept = [*new[: part.new.start], *old[part.old.start : part.old.stop]]
            yield "dropped_hunk", "".join([*kept, *new[part.new.stop :]])
    added = {number + 1 for part in parts for number in part.new}
    for mutation in mutations(after, added):
        yield mutation.kind, mutation.text


class Kinded(Protocol):
    """Whatever is of a kind; its ``repr`` tells it from the others."""

    @property
    def kind(self) -> str:
        """Such as ``off_by_one``."""
        ...


T = TypeVar("T", bound=Kinded)


def spread(candidates: Iterable[T], limit: int, seed: str) -> tuple[T, ...]:
    """Draw at most ``limit`` candidates, kinds in turn; equal inputs give equal draws.

    Args:
        candidates: In any order.
        limit: How many at most.
        seed: Such as the task's id: orders the candidates within a kind.
    """
    by_kind: dict[str, list[T]] = defaultdict(list)
    for candidate in sorted(candidates, key=lambda item: _rank(item, seed)):
        by_kind[candidate.kind].append(candidate)
    drawn: list[T] = []
    queues = [by_kind[kind] for kind in sorted(by_kind)]
    while len(drawn) < limit and any(queues):
        for queue in queues:
            if queue and len(drawn) < limit:
                drawn.append(queue.pop(0))
    return tuple(drawn)


def _rank(candidate: Kinded, seed: str) -> str:
    return hashlib.sha256(f"{seed}\0{candidate!r}".encode("utf-8", "surrogateescape")).hexdigest()
