"""Whether an edit changes nothing but comments and docstrings, as the agent demands of one kind."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping

from cra_pipeline.gold.edits import Edit
from cra_pipeline.gold.prompts import body
from cra_pipeline.gold.syntax import parsed

_FILE = re.compile(r"\n*# File: (?P<path>.+)\n")


def documents(prompt: str, texts: Mapping[str, str], edits: Iterable[Edit]) -> bool:
    """Whether the agent accepts the edits as documentation of the prompt's file.

    It tries them all on that one file, whatever file they name.
    """
    heading = _FILE.match(body(prompt))
    if heading is None or heading["path"] not in texts:
        return False
    old = new = texts[heading["path"]]
    for edit in edits:
        if new.count(edit.search) != 1:
            return False
        new = new.replace(edit.search, edit.replacement, 1)
    return code_of(old) == code_of(new) is not None


def code_of(text: str) -> tuple[str, ...] | None:
    """Lines of code that are left without comments and docstrings; None if it does not parse."""
    tree = parsed(text)
    if tree is None:
        return None
    lines = text.split("\n")
    for start, stop in (*_docstrings(tree, lines), *_comments(text)):
        _blank(lines, start, stop)
    return tuple(line.rstrip() for line in lines if line.strip())


_Position = tuple[int, int]
"""Line (from 1) and column in characters."""


def _docstrings(tree: ast.Module, lines: list[str]) -> Iterator[tuple[_Position, _Position]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            text = first.value
            stop = (text.end_lineno or text.lineno, text.end_col_offset or 0)
            yield (_position(lines, (text.lineno, text.col_offset)), _position(lines, stop))


def _position(lines: list[str], at: _Position) -> _Position:
    """From columns in bytes, as the tree counts them, to columns in characters."""
    return at[0], len(lines[at[0] - 1].encode()[: at[1]].decode(errors="ignore"))


def _comments(text: str) -> Iterator[tuple[_Position, _Position]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            if token.type == tokenize.COMMENT:
                yield token.start, token.end
    except (tokenize.TokenError, SyntaxError):
        # What parses but has no tokens to the end keeps its last comments as code.
        return


def _blank(lines: list[str], start: _Position, stop: _Position) -> None:
    for number in range(start[0], stop[0] + 1):
        line = lines[number - 1]
        first = start[1] if number == start[0] else 0
        last = stop[1] if number == stop[0] else len(line)
        lines[number - 1] = line[:first] + " " * (last - first) + line[last:]
