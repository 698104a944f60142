"""Syntax trees of text that may not be Python, and the words in it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from cra_pipeline.syntax import parse_python

_WORD = re.compile(r"[A-Za-z_]\w*")
_TELLING = 5
"""Letters from which an identifier says where it comes from."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, class or module-level name of a text.

    Attributes:
        name: Bare name.
        start: First line, from 1, decorators included.
        stop: Last line, inclusive.
    """

    name: str
    start: int
    stop: int


def parsed(text: str) -> ast.Module | None:
    """The tree; None where the text is no Python of this interpreter's version."""
    try:
        with warnings.catch_warnings():
            # Old code holds escapes that this version only warns of.
            warnings.simplefilter("ignore")
            return parse_python(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def definitions(text: str) -> tuple[Definition, ...]:
    """Functions and classes, and names that the module assigns, in order; none if unparsable."""
    tree = parsed(text)
    return () if tree is None else tuple(_of_body(tree.body, top=True))


def _of_body(body: Iterable[ast.stmt], *, top: bool) -> Iterable[Definition]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            yield Definition(node.name, first, node.end_lineno or first)
        if isinstance(node, ast.ClassDef):
            yield from _of_body(node.body, top=False)
        if top and isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield Definition(node.targets[0].id, node.lineno, node.end_lineno or node.lineno)


def innermost(known: Iterable[Definition], line: int) -> Definition | None:
    """The shortest definition around a line (from 1)."""
    around = [item for item in known if item.start <= line <= item.stop]
    return min(around, key=lambda item: item.stop - item.start, default=None)


def telling_words(lines: Iterable[str]) -> frozenset[str]:
    """Identifiers that are long enough to say where they come from."""
    words = {word for line in lines for word in _WORD.findall(line)}
    return frozenset(word for word in words if len(word) >= _TELLING)
