"""Lines of a program that a reader of half of it would stumble over: syntax, unknown names.

The two kinds of fault that a deleted line leaves behind, found in this process. ``ruff`` finds
more; it is asked by ``integrations.cold_start.ruff_lint``.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterator

from cra_pipeline.syntax import parse_python

_BLAME = re.compile(r"expected an indented block after .* on line (\d+)")
_GIVEN = frozenset(dir(builtins)) | {"__file__", "__path__", "__builtins__"}


def faulty_lines(text: str) -> frozenset[int]:
    """Lines at fault, from 1; none of a clean text."""
    try:
        with warnings.catch_warnings():
            # Old code holds escapes that this version only warns of.
            warnings.simplefilter("ignore")
            tree = parse_python(text)
    except SyntaxError as error:
        # The line after a lost block is not the one to blame, its header is.
        blamed = _BLAME.search(error.msg or "")
        return frozenset({int(blamed[1]) if blamed else max(1, error.lineno or 1)})
    except (ValueError, RecursionError, MemoryError):
        return frozenset({1})
    bound = set(_bound(tree)) | _GIVEN
    if "*" in bound:
        return frozenset()
    return frozenset(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in bound
    )


def _bound(tree: ast.AST) -> Iterator[str]:
    """Every name that the text binds anywhere; ``*`` where it cannot be known."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from names
            case _:
                pass
