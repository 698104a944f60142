"""Words of prose and code: identifiers fall into their parts, plurals into singulars."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PLURAL = 3
"""Longest word whose last ``s`` stays, as in ``its`` or ``bus``."""

_STOP = (
    "a an the to of in on for and or with is be not when if from by as it that this at add fix use "
    "remove make update support allow new do don t s py self none true false return def class "
    "import"
)
STOP = frozenset(_STOP.split())
"""Words that say nothing of where to look."""


def identifiers(text: str) -> Counter[str]:
    """How often each identifier or plain word stands in a text, in order of appearance."""
    return Counter(_IDENTIFIER.findall(text))


@lru_cache(maxsize=1 << 18)
def parts(identifier: str) -> tuple[str, ...]:
    """Words of one identifier in lower case; a compound one is itself a word as well."""
    found = [part for piece in identifier.split("_") if piece for part in _PART.findall(piece)]
    lowered = [part.lower() for part in found]
    if len(found) > 1:
        lowered.append(identifier.lower().strip("_"))
    return tuple(_singular(word) for word in lowered if len(word) > 1)


def words(text: str) -> Counter[str]:
    """How often each word stands in a text."""
    found: Counter[str] = Counter()
    for identifier, times in identifiers(text).items():
        for word in parts(identifier):
            found[word] += times
    return found


def query(text: str) -> tuple[str, ...]:
    """Words of a text that are worth looking for, sorted."""
    return tuple(sorted(set(words(text)) - STOP))


def _singular(word: str) -> str:
    plural = len(word) > _PLURAL and word.endswith("s") and not word.endswith("ss")
    return word[:-1] if plural else word
