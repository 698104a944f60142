"""Near duplicates: rows that share most of their words with an earlier one.

Signatures are MinHash; the bands that bring likely pairs together are sorted arrays, because a
table of sets for each band would take more memory than the rows themselves.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from datasketch import MinHash

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.datasets.facts import Facts
from cra_pipeline.gold.prompts import body

_WORD = re.compile(r"\w+|[^\w\s]")
Signature = np.ndarray[Any, np.dtype[np.uint32]]
Words = np.ndarray[Any, np.dtype[np.uint64]]
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and its bits without a pattern: the golden ratio in 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPolicy:
    """When two rows are nearly the same.

    Attributes:
        jaccard: Least share of common shingles, estimated.
        shingle: Words of a shingle.
        permutations: Values of a signature; the estimate's standard error is at most
            ``1 / (2 * sqrt(permutations))``.
        bands: Groups of values of which one must agree for a pair to be looked at.
        probes: Earlier rows of one band's group with which a row is compared.
        slack: What the estimate may lack, so that true pairs at the edge are not missed.
    """

    jaccard: float = 0.8
    shingle: int = 5
    permutations: int = 128
    bands: int = 25
    probes: int = 16
    slack: float = 0.05

    @property
    def width(self) -> int:
        """Values of a band."""
        return self.permutations // self.bands


def shingles(text: str, size: int) -> set[str]:
    """Runs of so many words, marks counted as words; the whole text where it is shorter."""
    words = _WORD.findall(text.lower())
    return {" ".join(words[start : start + size]) for start in range(max(1, len(words) - size + 1))}


def own_text(row: CandidateRow) -> str:
    """What sets a row apart: prompt and answers without what every prompt of its kind begins with.

    The description of the machine is equal in thousands of rows, and would drown a short task.
    """
    return "\n".join((body(row.prompt), *row.answers))


def signature(text: str, policy: NearPolicy) -> Signature:
    """MinHash of a text's shingles; equal in every process."""
    fresh = _empty(policy.permutations).copy()
    words = [zlib.crc32(word.encode()) for word in _WORD.findall(text.lower())]
    fresh.update_batch(_hashes(words, policy.shingle).tolist())
    return np.asarray(fresh.hashvalues, dtype=np.uint32)


@lru_cache(maxsize=8)
def _empty(permutations: int) -> MinHash:
    # The shingles are hashes already: one of each text would take most of curation's time.
    return MinHash(num_perm=permutations, seed=1, scheme="affine32", hashfunc=int)


def _hashes(words: Sequence[int], size: int) -> Signature:
    """32-bit hashes of all runs of so many words; of all words where they are fewer."""
    mixed = runs(np.array(words or [0], dtype=np.uint64), min(size, max(1, len(words))))
    # The upper half of a product hangs on all bits below it.
    spread = (mixed ^ (mixed >> np.uint64(29))) * _SPREAD
    return (spread >> np.uint64(32)).astype(np.uint32)


def runs(words: Words, size: int) -> Words:
    """A number for each run of so many numbers, by content alone; none where there are fewer."""
    count = max(0, len(words) - size + 1)
    found = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        found = found * _SPREAD + words[place : place + count]
    return found


def nearly_repeated(
    rows: Sequence[Facts], signatures: Sequence[Signature], policy: NearPolicy
) -> dict[str, str]:
    """Ids of rows that nearly repeat an earlier one, each with the id of that one.

    Yes/no questions of one task differ in little but the file or symbol they ask about: they are
    held against those of other tasks only, and of the same answer.

    Args:
        rows: In the order of precedence: what came first stays.
        signatures: Of each row.
        policy: From when on.
    """
    found: dict[int, int] = {}
    if not rows:
        return {}
    table = np.vstack(signatures)
    for group in _groups(table, policy):
        for place, earlier in _pairs(rows, group, policy):
            if place not in found and earlier not in found:
                same = float(np.mean(table[place] == table[earlier]))
                if same >= policy.jaccard - policy.slack:
                    found[place] = earlier
    return {rows[place].example_id: rows[earlier].example_id for place, earlier in found.items()}


def _groups(table: Signature, policy: NearPolicy) -> Iterator[list[int]]:
    """Places of rows that agree in a band, in order; groups of one are left out."""
    for band in range(policy.bands):
        columns = np.ascontiguousarray(table[:, band * policy.width : (band + 1) * policy.width])
        keys = columns.view([("", columns.dtype)] * policy.width).ravel()
        _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        order = np.argsort(inverse, kind="stable")
        ends = np.cumsum(counts)
        for number in np.flatnonzero(counts > 1):
            yield order[ends[number] - counts[number] : ends[number]].tolist()


def _pairs(
    rows: Sequence[Facts], group: Sequence[int], policy: NearPolicy
) -> Iterator[tuple[int, int]]:
    """Each place of a group with earlier ones that it may repeat, the earliest first."""
    before: dict[tuple[str, bool | None], list[int]] = defaultdict(list)
    for place in group:
        row = rows[place]
        others = before[row.stratum]
        for earlier in others:
            if row.verdict is None or rows[earlier].task_id != row.task_id:
                yield place, earlier
        if len(others) < policy.probes and not _task_is_there(rows, others, row):
            others.append(place)


def _task_is_there(rows: Sequence[Facts], places: Sequence[int], row: Facts) -> bool:
    """Whether a yes/no question's task has its say already: a task of many must not fill all."""
    if row.verdict is None:
        return False
    return sum(rows[place].task_id == row.task_id for place in places) >= 4  # noqa: PLR2004  # a few stand for all
