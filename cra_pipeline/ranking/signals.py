"""What speaks for a file before any model is asked: four features and their ranks in the tree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from cra_pipeline.ranking.bm25 import bm25
from cra_pipeline.ranking.messages import TaskText
from cra_pipeline.ranking.sources import SourceFile
from cra_pipeline.ranking.words import query, words

NEVER_DAYS = 3650.0
"""Age of the last change of a file that was never changed."""

FOUR = ("text", "path", "often", "recent")
"""The four features, in the order in which they stand everywhere."""

COLUMNS = (*FOUR, "score", "text_rank", "path_rank", "often_rank", "recent_rank", "files")
"""Columns of ``Signals.row``."""


@dataclass(frozen=True, slots=True)
class Past:
    """A file's changes before a commit.

    Attributes:
        changes: How many.
        last: Committer date of the last, in seconds; None where there is none.
    """

    changes: int = 0
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Signals:
    """Of one file, for one task.

    Attributes:
        text: BM25 as a share of the best in the tree, in [0, 1].
        path: Weight of the task's words in the path, of those that few paths hold.
        changes: Changes before.
        days: Since the last one.
        score: BM25 itself.
        ranks: Of the four features, from 1; equals share the best one.
        files: In the tree.
    """

    text: float
    path: float
    changes: int
    days: float
    score: float
    ranks: tuple[int, int, int, int]
    files: int

    @property
    def four(self) -> tuple[float, float, float, float]:
        """The four features; the more a file was changed lately, the smaller the last one."""
        return self.text, self.path, math.log1p(self.changes), math.log1p(max(0.0, self.days))

    @property
    def row(self) -> tuple[float, ...]:
        """The four, BM25 itself, the ranks and the size of the tree: ``COLUMNS``."""
        return *self.four, self.score, *map(float, self.ranks), float(self.files)


def signals(
    task: TaskText, files: Sequence[SourceFile], past: Mapping[str, Past], *, now: int
) -> list[Signals]:
    """Signals of every file of a tree, in its order.

    Args:
        task: What is asked for.
        files: The whole tree: ranks and shares are among all of it.
        past: Changes before, by path.
        now: Committer date of the task's commit, in seconds.
    """
    scores = bm25(files, query(task.whole))
    best = max(scores, default=0.0) or 1.0
    paths = _path_words(task, [file.path for file in files])
    known = [past.get(file.path, Past()) for file in files]
    days = [NEVER_DAYS if one.last is None else (now - one.last) / 86400 for one in known]
    ranks = zip(
        _ranks(scores), _ranks(paths), _ranks([float(one.changes) for one in known]),
        _ranks([-day for day in days]), strict=True,
    )  # fmt: skip
    rows = zip(scores, paths, known, days, ranks, strict=True)
    return [
        Signals(score / best, path, one.changes, day, score, four, len(files))
        for score, path, one, day, four in rows
    ]


def _path_words(task: TaskText, paths: Sequence[str]) -> list[float]:
    wanted = set(query(task.whole))
    held = [set(words(path.removesuffix(".py"))) for path in paths]
    spread = Counter(word for one in held for word in one)
    # A word of half the paths is the package's name.
    telling = {word for word in wanted if 0 < spread[word] < len(paths) / 2}
    weight = {word: math.log(len(paths) / spread[word]) for word in telling}
    return [sum(weight[word] for word in sorted(one & telling)) for one in held]


def _ranks(values: Sequence[float]) -> list[int]:
    """Rank of each value from 1, the greatest first; equals share the best of their ranks."""
    times = Counter(values)
    ordered = sorted(times, reverse=True)
    before = accumulate((times[value] for value in ordered), initial=1)
    place = dict(zip(ordered, before, strict=False))
    return [place[value] for value in values]
