"""Assets are sentences: the shell is read as syntax, so that it cannot grow a rule."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

DEFINITIONS = Path(__file__).parents[2] / "cra_pipeline" / "definitions"
DECORATORS = {"dg.asset", "dg.asset_check", "partition_check"}
FORBIDDEN = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.IfExp,
    ast.Match,
    ast.Try,
    ast.TryStar,
    ast.comprehension,
    ast.BoolOp,
    ast.Lambda,
)
MOST_STATEMENTS = 4


def sentences(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions that Dagster runs as an asset or a check."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = {ast.unparse(item).partition("(")[0] for item in node.decorator_list}
            if names & DECORATORS:
                yield node


def faults(function: ast.FunctionDef) -> list[str]:
    """What makes a function more than a sentence."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    inner = [node for statement in body for node in ast.walk(statement)]
    found = [f"{type(node).__name__}" for node in inner if isinstance(node, FORBIDDEN)]
    statements = [node for node in inner if isinstance(node, ast.stmt)]
    if len(statements) > MOST_STATEMENTS:
        found.append(f"{len(statements)} statements")
    if ast.get_docstring(function) is None:
        found.append("no docstring")
    return found


@pytest.mark.parametrize("path", sorted(DEFINITIONS.glob("*.py")), ids=lambda path: path.name)
def test_an_asset_has_no_rule_of_its_own(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert {
        function.name: faults(function) for function in sentences(tree) if faults(function)
    } == {}


def test_all_assets_and_checks_are_seen() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in DEFINITIONS.glob("*.py")]

    assert sum(len(list(sentences(tree))) for tree in trees) >= 34


@pytest.mark.parametrize(
    "body",
    [
        "for row in rows: pass",
        "return 1 if context else 2",
        "return [row for row in rows]",
        "try: pass\n    finally: pass",
        "a = 1\n    b = 2\n    c = 3\n    d = 4\n    return a",
    ],
)
def test_a_rule_in_an_asset_is_found(body: str) -> None:
    tree = ast.parse(f'@dg.asset(x=1)\ndef tasks(context):\n    """Words."""\n    {body}\n')

    assert faults(next(sentences(tree))) != []


@pytest.mark.parametrize("path", sorted(DEFINITIONS.glob("*.py")), ids=lambda path: path.name)
def test_annotations_are_not_postponed_where_dagster_reads_them(path: Path) -> None:
    assert "from __future__ import annotations" not in path.read_text(encoding="utf-8")
