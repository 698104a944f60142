"""What is known of one source file: its words, what it defines, where a word stands in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cra_pipeline.ranking.words import identifiers, parts

PATH_WEIGHT = 3
"""A word of the path counts as often as this many in the text."""

DEFINED = 10
"""Most names that ``defines`` holds."""

_PER_WORD = 2
_SHORTEST, _LONGEST = 3, 32
"""Lengths of an identifier that is worth showing."""

_ASIDE = re.compile(r'("""|\'\'\')[\s\S]*?\1|#.*')
_DEFINITION = re.compile(
    r"^(?:(?:async )?def|class) (\w+)|^([A-Za-z_]\w*)\s*(?::[^=\n]+)?=[^=]", re.MULTILINE
)
_FOLDER = re.compile(
    r"(^|/)(tests?|testing|docs?|examples?|benchmarks?|bench|gallery|scripts|profiling|tools|"
    r"\.github|fuzz|changelog|extra|vendor|_vendor|_vendored_packages)/"
)
_MODULE = re.compile(
    r"(^|/)(test_[^/]*|[^/]*_tests?|tests|conftest|setup|noxfile|tasks|conf|fabfile|bench[^/]*)\.py$"
)


class Document(Protocol):
    """What a search needs of a file."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each word stands in it."""
        ...

    @property
    def length(self) -> int:
        """Words in all."""
        ...


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file at one commit, without its comments and docstrings.

    Attributes:
        path: In its repository.
        counts: How often each word stands in it, words of its path included.
        length: Words in all.
        defines: Functions and classes of the module, then its variables, in order.
        shown: By word, the identifiers that hold it, the most frequent first.
    """

    path: str
    counts: Mapping[str, int]
    length: int
    defines: tuple[str, ...]
    shown: Mapping[str, tuple[str, ...]]


def is_source(path: str) -> bool:
    """Whether a path is one of the files that are ranked: Python, but no test or scaffolding."""
    return path.endswith(".py") and not _FOLDER.search(path) and not _MODULE.search(path)


def source_file(path: str, text: str) -> SourceFile:
    """Read one file."""
    code = _ASIDE.sub(" ", text)
    found = identifiers(code)
    counts: Counter[str] = Counter()
    for identifier, times in found.items():
        for word in parts(identifier):
            counts[word] += times
    for identifier, times in identifiers(path).items():
        for word in parts(identifier):
            counts[word] += PATH_WEIGHT * times
    return SourceFile(path, counts, counts.total(), _defined(text), _shown(found))


def mentions(file: SourceFile, wanted: Iterable[str], *, most: int) -> tuple[str, ...]:
    """Identifiers of a file that hold a wanted word, for the first words first, each once."""
    held = [name for word in wanted for name in file.shown.get(word, ())]
    return tuple(dict.fromkeys(held))[:most]


def _defined(text: str) -> tuple[str, ...]:
    found = list(_DEFINITION.finditer(text))
    blocks = [match[1] for match in found if match[1]]
    variables = [match[2] for match in found if match[2] and not match[2].startswith("__")]
    return tuple(dict.fromkeys([*blocks, *variables]))[:DEFINED]


def _shown(found: Counter[str]) -> dict[str, tuple[str, ...]]:
    shown: dict[str, tuple[str, ...]] = {}
    for identifier, _ in found.most_common():
        if not _SHORTEST <= len(identifier) <= _LONGEST:
            continue
        for word in dict.fromkeys(parts(identifier)):
            held = shown.get(word, ())
            if len(held) < _PER_WORD:
                shown[word] = (*held, identifier)
    return shown
