"""How much code lets errors show: eight counts of its syntax trees, weighed to 0 to 100.

A file and a repository are judged by the same rule: a repository is the sum of its files' counts,
never the mean of their scores. Used to choose rows that teach style, and repositories to take them
from. What the words say (75 and more strong, 50 to 74 read by a person, less defensive) is
``verdict``.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

from cra_pipeline.gold.syntax import parsed

_BROAD = frozenset({"Exception", "BaseException"})
_KILO = 1000
_NEUTRAL = 0.5
"""Good of a share of nothing: neither praise nor blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailFastPolicy:
    """Weights, and from which density on a file does all that can be asked.

    Attributes:
        bare: ``except:`` among handlers.
        broad: ``except Exception`` among handlers.
        swallowed: Handlers that hold nothing but ``pass``, by thousand lines.
        specific: Handlers of named errors among handlers.
        indexed: ``d[k]`` among ``d[k]`` and ``.get(k)``.
        asserts: By thousand lines.
        raises: By thousand lines.
        chained: ``raise ... from`` among raises of an error.
        full_asserts: Asserts in a thousand lines that earn the whole weight.
        full_raises: Likewise for raises.
        strong: Least score of fail-fast code.
        mixed: Least score of code that a person should read.
    """

    bare: int = 20
    broad: int = 15
    swallowed: int = 15
    specific: int = 15
    indexed: int = 10
    asserts: int = 10
    raises: int = 10
    chained: int = 5
    full_asserts: float = 5.0
    full_raises: float = 10.0
    strong: float = 75.0
    mixed: float = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FailFastCounts:
    """What was found, in one file or in several."""

    lines: int = 0
    """Lines that are not blank."""
    handlers: int = 0
    bare: int = 0
    broad: int = 0
    swallowed: int = 0
    indexed: int = 0
    got: int = 0
    """Calls of ``.get`` with one or two arguments."""
    asserts: int = 0
    raises: int = 0
    """With an error: a lone ``raise`` hands on what it got."""
    chained: int = 0

    @property
    def specific(self) -> int:
        """Handlers of named errors."""
        return self.handlers - self.bare - self.broad

    @property
    def handling(self) -> tuple[int, ...]:
        """What is said of errors: equal in two versions that treat them alike."""
        return (self.handlers, self.bare, self.broad, self.swallowed, self.raises, self.chained)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailFastScore:
    """The score and what each count gave to it, in points of its weight."""

    total: float
    """In [0, 100]."""
    parts: tuple[tuple[str, float], ...]


_KNOWN: dict[bytes, FailFastCounts | None] = {}
"""By digest of the text: style, pairs and their check ask about the same file, and reading a large
one into its tree takes twenty milliseconds."""


def counted(text: str) -> FailFastCounts | None:
    """Counts of one file; None where it is no Python of this interpreter's version."""
    key = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    if key not in _KNOWN:
        _KNOWN[key] = _counted(text)
    return _KNOWN[key]


def _counted(text: str) -> FailFastCounts | None:
    tree = parsed(text)
    if tree is None:
        return None
    asked = (ast.ExceptHandler, ast.Raise, ast.Assert, ast.Subscript, ast.Call)
    nodes = [node for node in ast.walk(tree) if isinstance(node, asked)]
    handlers = [node for node in nodes if isinstance(node, ast.ExceptHandler)]
    raises = [node for node in nodes if isinstance(node, ast.Raise) and node.exc is not None]
    return FailFastCounts(
        lines=sum(1 for line in text.split("\n") if line.strip()),
        handlers=len(handlers),
        bare=sum(node.type is None for node in handlers),
        broad=sum(_is_broad(node.type) for node in handlers),
        swallowed=sum(_swallows(node) for node in handlers),
        indexed=sum(_looks_up(node) for node in nodes),
        got=sum(_gets(node) for node in nodes),
        asserts=sum(isinstance(node, ast.Assert) for node in nodes),
        raises=len(raises),
        chained=sum(node.cause is not None for node in raises),
    )


def _is_broad(caught: ast.expr | None) -> bool:
    """A tuple that holds ``Exception`` catches it too."""
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(item) for item in caught.elts)
    return isinstance(caught, ast.Name) and caught.id in _BROAD


def _swallows(node: ast.ExceptHandler) -> bool:
    return all(isinstance(item, ast.Pass) for item in node.body)


def _looks_up(node: ast.AST) -> bool:
    """``d[k]`` that is read; slices and annotations' brackets are no lookups of a key."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and not isinstance(node.slice, ast.Slice | ast.Tuple)
    )


def _gets(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and 1 <= len(node.args) <= 2  # noqa: PLR2004  # key, and what stands in for it
        and not node.keywords
    )


def together(counts: Iterable[FailFastCounts]) -> FailFastCounts:
    """Counts of all files as of one: how a repository is judged."""
    found = list(counts)
    return FailFastCounts(
        **{
            field.name: sum(getattr(item, field.name) for item in found)
            for field in fields(FailFastCounts)
        }
    )


def score(counts: FailFastCounts, policy: FailFastPolicy | None = None) -> FailFastScore:
    """The weighed score of a file or a repository; higher lets errors show.

    A share of nothing counts as good where little is good (no handler swallows anything), and as
    half good where much is.
    """
    rules = policy or FailFastPolicy()
    lookups = counts.indexed + counts.got
    good = {
        "bare": 1 - _share(counts.bare, counts.handlers, of_nothing=0.0),
        "broad": 1 - _share(counts.broad, counts.handlers, of_nothing=0.0),
        "swallowed": 1 / (1 + _density(counts.swallowed, counts.lines)),
        "specific": _share(counts.specific, counts.handlers, of_nothing=_NEUTRAL),
        "indexed": _share(counts.indexed, lookups, of_nothing=_NEUTRAL),
        "asserts": min(1.0, _density(counts.asserts, counts.lines) / rules.full_asserts),
        "raises": min(1.0, _density(counts.raises, counts.lines) / rules.full_raises),
        "chained": _share(counts.chained, counts.raises, of_nothing=_NEUTRAL),
    }
    weights = {name: float(getattr(rules, name)) for name in good}
    parts = {name: weights[name] * good[name] for name in good}
    total = 100 * sum(parts.values()) / sum(weights.values())
    return FailFastScore(total=min(100.0, max(0.0, total)), parts=tuple(parts.items()))


def verdict(
    total: float, policy: FailFastPolicy | None = None
) -> Literal["strong", "mixed", "defensive"]:
    """What a score says; ``mixed`` is to be read by a person."""
    rules = policy or FailFastPolicy()
    if total >= rules.strong:
        return "strong"
    return "mixed" if total >= rules.mixed else "defensive"


def _share(part: int, whole: int, *, of_nothing: float) -> float:
    return part / whole if whole else of_nothing


def _density(count: int, lines: int) -> float:
    return _KILO * count / lines if lines else 0.0
