"""Comparisons that answer without looking: objects that equal everything. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

_COMPARISONS = frozenset({"__eq__", "__ne__"})


def blind_comparisons(node: ast.AST) -> Iterator[str]:
    """Names of such comparisons that this very node defines, such as ``Any.__eq__``."""
    if isinstance(node, ast.ClassDef):
        yield from _of_class(node)
    elif isinstance(node, ast.Dict):
        yield from _of_dict(node)
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
        names = {target.attr for target in node.targets if isinstance(target, ast.Attribute)}
        if _COMPARISONS & names and _blind(node.value.args, [node.value.body]):
            yield f"....{min(_COMPARISONS & names)}"


def _of_class(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name in _COMPARISONS:
            if _blind(item.args, item.body):
                yield f"{node.name}.{item.name}"
        elif isinstance(item, ast.Assign) and isinstance(item.value, ast.Lambda):
            names = {target.id for target in item.targets if isinstance(target, ast.Name)}
            if _COMPARISONS & names and _blind(item.value.args, [item.value.body]):
                yield f"{node.name}.{min(_COMPARISONS & names)}"


def _of_dict(node: ast.Dict) -> Iterator[str]:
    """The third argument of ``type``; a function that stands elsewhere is not looked up."""
    for key, value in zip(node.keys, node.values, strict=True):
        named = isinstance(key, ast.Constant) and key.value in _COMPARISONS
        if named and (not isinstance(value, ast.Lambda) or _blind(value.args, [value.body])):
            yield f"type(...).{ast.unparse(key) if key else ''}"


def _blind(arguments: ast.arguments, body: Sequence[ast.AST]) -> bool:
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    nodes = [node for part in body for node in ast.walk(part)]
    results = [node.value for node in nodes if isinstance(node, ast.Return)]
    results += [part for part in body if isinstance(part, ast.expr)]
    if not results or all(_is_refusal(result) for result in results):
        return False
    empty = {id(part) for node in nodes if _says_nothing(node) for part in ast.walk(node)}
    looked = any(
        isinstance(node, ast.Name) and node.id in names[1:] and id(node) not in empty
        for node in nodes
    )
    constant = all(isinstance(result, ast.Constant) and result.value for result in results)
    return constant or not looked or any(_asks_for_object(node) for node in nodes)


def _says_nothing(node: ast.AST) -> bool:
    """A comparison that tells no two objects apart: ``x is x``, ``x is not None``."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    nothing = any(isinstance(side, ast.Constant) and side.value is None for side in sides)
    return nothing or len({ast.dump(side) for side in sides}) == 1


def _is_refusal(result: ast.expr | None) -> bool:
    """``return False``, ``return None`` and ``return NotImplemented`` help nobody to cheat."""
    if isinstance(result, ast.Name):
        return result.id == "NotImplemented"
    return result is None or (isinstance(result, ast.Constant) and not result.value)


def _asks_for_object(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "isinstance"
        and isinstance(node.args[-1], ast.Name)
        and node.args[-1].id == "object"
    )
