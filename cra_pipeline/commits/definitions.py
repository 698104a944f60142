"""Functions and classes of a Python text, found by their lines.

Lines and not syntax trees: half of a long history is no valid source for the running Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_DEFINITION = re.compile(r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+([^\W\d]\w*)", re.MULTILINE)
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_TELLING = 4
"""Shortest name that can tie a test to a fix."""


def defined_names(text: str) -> frozenset[str]:
    """Names that the text defines as functions, methods or classes."""
    return frozenset(_DEFINITION.findall(text))


def new_names(texts: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Names defined after a change and nowhere before it, sorted.

    Args:
        texts: (before, after) of every changed source file; a name that only moved is not new.
    """
    before: set[str] = set()
    after: set[str] = set()
    for old, new in texts:
        before |= defined_names(old)
        after |= defined_names(new)
    return tuple(sorted(after - before))


def changed_names(old: str, new: str) -> frozenset[str]:
    """Names whose definition differs, up to the next definition line."""
    before, after = _blocks(old), _blocks(new)
    names = before.keys() | after.keys()
    return frozenset(name for name in names if before.get(name) != after.get(name))


def mentions(names: Iterable[str], old: str, new: str) -> bool:
    """Whether the lines that ``new`` has beyond ``old`` use one of the names.

    Dunder and very short names tie nothing to anything and are left out.
    """
    telling = {name for name in names if len(name) >= _TELLING and not name.startswith("__")}
    known = set(old.splitlines())
    added = "\n".join(line for line in new.splitlines() if line not in known)
    return bool(telling.intersection(_IDENTIFIER.findall(added)))


def _blocks(text: str) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    starts = list(_DEFINITION.finditer(text))
    ends = [*(start.start() for start in starts[1:]), len(text)][: len(starts)]
    for start, end in zip(starts, ends, strict=True):
        # Blank lines around a neighbour do not make this block another one.
        found.setdefault(start.group(1), []).append(text[start.start() : end].strip())
    return found
