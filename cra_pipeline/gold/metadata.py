"""What retrieval may know of a file beforehand: words of its path, names and docstrings.

Drawn from the snapshot before the commit alone; the change is never seen. Stands in for the
agent's own enrichment by a model, in the same columns.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cra_pipeline.gold.syntax import parsed

_PURPOSE = 160
"""Characters of a purpose: it stands above the file in every prompt that shows it."""
_CONCEPTS = 2_500
"""Characters of the concepts: they stand in every question about the file."""
_SHORTEST = 4
"""Letters of the shortest word among the concepts."""
_LONG = 600
"""Lines from which a file counts as long."""
_SYNTAX = frozenset(word.lower() for word in keyword.kwlist) | {"self"}
_WORD = re.compile(r"[A-Za-z]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDescription:
    """One row of the agent's ``file_metadata``, lists as JSON arrays.

    Attributes:
        concepts: Lower-case words. The agent looks for a task's longest words as parts of this
            text.
    """

    purpose: str
    module: str
    domain: str
    concepts: str
    public_api_surface: str
    complexity_notes: str


def describe(path: str, text: str) -> FileDescription:
    """Describe one file; text that does not parse is known by its path alone."""
    tree = parsed(text) or ast.Module([], [])
    names = list(dict.fromkeys(_names(tree.body)))
    stem = path.removesuffix(".py").removesuffix("/__init__")
    return FileDescription(
        purpose=_purpose(path, tree),
        module=stem.removeprefix("src/").replace("/", "."),
        domain="testing" if "test" in path.lower() else _domain(stem),
        concepts=_json(_concepts(path, names, text)),
        public_api_surface=_json([name for name in names if not name.startswith("_")][:40]),
        complexity_notes="A long file." if text.count("\n") > _LONG else "",
    )


def _purpose(path: str, tree: ast.Module) -> str:
    lines = (ast.get_docstring(tree) or "").split("\n\n")[0].split()
    said = " ".join(lines)
    words = " ".join(_words(path.removesuffix(".py")))
    return (said or f"Code about {words or 'nothing named'}.")[:_PURPOSE].strip()


def _domain(stem: str) -> str:
    return next(iter(reversed(list(_words(stem)))), "code")


def _concepts(path: str, names: Iterable[str], text: str) -> list[str]:
    """Words of the path and of names, then those that the text uses most, as there is room."""
    used = Counter(_words(text))
    common = sorted(used, key=lambda word: (-used[word], word))
    ranked = [*_words(path.removesuffix(".py")), *_words(" ".join(names)), *common]
    kept: list[str] = []
    left = _CONCEPTS
    for word in dict.fromkeys(ranked):
        if len(word) < _SHORTEST or len(word) > left or word in _SYNTAX:
            continue
        # A word answers for its parts too.
        if not any(word in other for other in kept):
            kept.append(word)
            left -= len(word) + len('"", ')
    return kept


def _names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from _names(node.body)


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(_CAMEL.sub(" ", text)):
        yield word.lower()


def _json(values: list[str]) -> str:
    return json.dumps(values, ensure_ascii=False)
