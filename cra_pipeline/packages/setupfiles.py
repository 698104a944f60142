"""``setup.py`` and ``setup.cfg`` read as text: parsed, never executed.

Only what can be evaluated without running anything counts: literals, names bound to them at
module level, and sums of both. The rest is left out silently, because a later rung finds it.
"""

from __future__ import annotations

import ast
import configparser
from typing import Any

from cra_pipeline.syntax import parse_python

_UNKNOWN = object()


def setup_keywords(text: str) -> dict[str, Any]:
    """Keyword arguments of the ``setup(...)`` call that have literal values."""
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    names = module_values(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) == "setup":
            return _keywords(node, names)
    return {}


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _keywords(node: ast.Call, names: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for keyword in node.keywords:
        value = literal(keyword.value, names)
        if value is _UNKNOWN:
            continue
        if keyword.arg is None and isinstance(value, dict):
            found |= {str(key): item for key, item in value.items()}
        elif keyword.arg:
            found[keyword.arg] = value
    return found


def module_values(tree: ast.Module) -> dict[str, Any]:
    """Names bound to literals at module level (also in ``if`` and ``try``), the last one wins."""
    names: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        target, value = _binding(node)
        if target and value is not None:
            found = literal(value, names)
            if found is not _UNKNOWN:
                names[target] = found
    return names


def _binding(node: ast.AST) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return getattr(node.targets[0], "id", ""), node.value
    if isinstance(node, ast.AnnAssign):
        return getattr(node.target, "id", ""), node.value
    return "", None


def literal(node: ast.expr, names: dict[str, Any]) -> Any:  # noqa: ANN401  # any literal
    """Value of an expression, with unknown elements of containers left out; else a marker."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, _UNKNOWN)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _sum(literal(node.left, names), literal(node.right, names))
    return _container(node, names)


def _container(node: ast.expr, names: dict[str, Any]) -> Any:  # noqa: ANN401  # any literal
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return _elements(items, names)
        case ast.Dict(keys=keys, values=values):
            return _mapping(keys, values, names)
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords, args=[]):
            pairs = {item.arg: literal(item.value, names) for item in keywords if item.arg}
            return {key: value for key, value in pairs.items() if value is not _UNKNOWN}
    return _UNKNOWN


def _elements(items: list[ast.expr], names: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if isinstance(item, ast.Starred):
            inner = literal(item.value, names)
            found += inner if isinstance(inner, list) else []
        elif (value := literal(item, names)) is not _UNKNOWN:
            found.append(value)
    return found


def _mapping(
    keys: list[ast.expr | None], values: list[ast.expr], names: dict[str, Any]
) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in zip(keys, values, strict=True):
        item = literal(value, names)
        if item is _UNKNOWN:
            continue
        if key is None:
            found |= item if isinstance(item, dict) else {}
        elif isinstance(name := literal(key, names), str):
            found[name] = item
    return found


def _sum(left: Any, right: Any) -> Any:  # noqa: ANN401  # any literal
    if left is _UNKNOWN and isinstance(right, list):
        return right
    if right is _UNKNOWN and isinstance(left, list):
        return left
    same = type(left) is type(right) and isinstance(left, list | str)
    return left + right if same else _UNKNOWN


def text_list(value: object) -> list[str]:
    """Requirement lines given as a list or as one text with line breaks."""
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    return []


def read_config(text: str) -> configparser.RawConfigParser:
    """An ini file; damaged lines end it early rather than fail it."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(text)
    except configparser.Error:
        return parser
    return parser


def section(parser: configparser.RawConfigParser, name: str) -> dict[str, str]:
    """Options of a section; empty where it does not exist."""
    if not parser.has_section(name):
        return {}
    return {key: value or "" for key, value in parser.items(name)}
