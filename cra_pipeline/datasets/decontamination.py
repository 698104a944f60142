"""Rows that touch what is kept for judging: the holdout, and the tasks of public benchmarks.

By repository, commit and change; and by words, for what was written again elsewhere.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.holdout import HoldoutRow
from cra_pipeline.datasets.facts import Facts
from cra_pipeline.datasets.near import Words, own_text, runs

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContaminationPolicy:
    """When a row repeats a kept-out task.

    Attributes:
        statement_words: Words of a gram of a task's statement.
        code_words: The same for the lines that its change adds.
        share: Least share of the statement's, or of the lines', grams that a row must hold.
        fewest: Fewest grams of a text that can tell anything; shorter ones are passed over.
    """

    statement_words: int = 6
    code_words: int = 10
    share: float = 0.5
    fewest: int = 3


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """Public benchmarks by what they are made of.

    Attributes:
        repositories: ``owner/name`` in lower case.
        commits: Full ids.
    """

    repositories: frozenset[str]
    commits: frozenset[str]

    @classmethod
    def parse(cls, text: str, *, where: str) -> Benchmarks:
        """Read ``benchmarks.toml``.

        Raises:
            ValueError: It is no such list; the message names the entry.
        """
        tables = tomllib.loads(text).get("benchmark", [])
        for number, table in enumerate(tables, 1):
            lists = (table.get("repositories"), table.get("commits"))
            if not all(isinstance(item, list) for item in lists):
                raise ValueError(
                    f"{where}: benchmark {number} ({table.get('name', 'unnamed')}): expected lists "
                    "of repositories and commits"
                )
        return cls(
            frozenset(name.lower() for table in tables for name in table["repositories"]),
            frozenset(sha for table in tables for sha in table["commits"]),
        )


class Grams:
    """Runs of words of some texts, and how many of each text's a row holds."""

    def __init__(self, texts: Iterable[str], words: int, fewest: int) -> None:
        self._words = words
        self._sizes: list[int] = []
        self._texts: dict[int, list[int]] = defaultdict(list)
        for text in texts:
            grams = set(_grams(hashed_words(text), words))
            if len(grams) >= fewest:
                for gram in grams:
                    self._texts[gram].append(len(self._sizes))
                self._sizes.append(len(grams))

    def share(self, text: Words) -> float:
        """Largest share of one text's grams that another holds, in [0, 1].

        Args:
            text: Its ``hashed_words``.
        """
        common = self._texts.keys() & _grams(text, self._words)
        hits = Counter(number for gram in common for number in self._texts[gram])
        return max((count / self._sizes[number] for number, count in hits.items()), default=0.0)


def hashed_words(text: str) -> Words:
    """The words of a text as numbers that hold within one process only."""
    found = [hash(word) for word in _WORD.findall(text.lower())]
    return np.array(found, dtype=np.int64).view(np.uint64)


def _grams(words: Words, size: int) -> list[int]:
    found: list[int] = runs(words, size).tolist()
    return found


class Contamination:
    """Everything that a training row may not touch."""

    def __init__(
        self,
        holdout: Iterable[HoldoutRow],
        held_out: Iterable[str],
        benchmarks: Benchmarks,
        slugs: dict[str, str],
        policy: ContaminationPolicy,
    ) -> None:
        """Index what is kept out.

        Args:
            holdout: Rows of the round.
            held_out: Keys of its held-out repositories.
            benchmarks: The list.
            slugs: ``owner/name`` of repositories, by key.
            policy: When words are too many.
        """
        rows = list(holdout)
        self._repos = frozenset(held_out)
        self._commits = frozenset(row.sha for row in rows)
        self._changes = frozenset(row.patch_id for row in rows) - {""}
        self._benchmarks = benchmarks
        self._slugs = slugs
        self._policy = policy
        tasks = [row for row in rows if row.task_id]
        self._statements = Grams(
            (row.statement for row in tasks), policy.statement_words, policy.fewest
        )
        self._code = Grams((row.added for row in tasks), policy.code_words, policy.fewest)

    def by_origin(self, row: Facts) -> str:
        """Why a row's origin is kept out, as a code; empty where it is not."""
        if row.repo in self._repos:
            return "held_out_repository"
        if row.sha in self._commits:
            return "held_out_commit"
        if row.patch_id in self._changes:
            return "held_out_change"
        if self._slugs.get(row.repo, row.repo).lower() in self._benchmarks.repositories:
            return "benchmark_repository"
        return "benchmark_commit" if row.sha in self._benchmarks.commits else ""

    def by_words(self, row: CandidateRow) -> str:
        """Whether a row repeats a kept-out task in other places, as a code; empty where not."""
        text = hashed_words(own_text(row))
        if self._statements.share(text) >= self._policy.share:
            return "held_out_statement"
        return "held_out_code" if self._code.share(text) >= self._policy.share else ""
