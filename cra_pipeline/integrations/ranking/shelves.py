"""A repository as it stands when an agent asks about its files."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.objects import object_reader
from cra_pipeline.integrations.git.walk import walk
from cra_pipeline.integrations.ranking.histories import Trees, note
from cra_pipeline.ranking.bm25 import rarest
from cra_pipeline.ranking.messages import TaskText
from cra_pipeline.ranking.prompts import scope_prompt
from cra_pipeline.ranking.signals import Past, Signals, signals
from cra_pipeline.ranking.sources import SourceFile
from cra_pipeline.ranking.words import query

_KEPT = 64
"""Tasks whose ranking is kept: an agent asks about many files of one task in a row."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one file for one task.

    Attributes:
        signals: Its features.
        prompt: The question to a model about it.
    """

    signals: Signals
    prompt: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Source files at a commit, and their changes up to it.

    Attributes:
        files: By path.
        past: Changes by path.
        now: Committer date of the commit, in seconds.
    """

    files: tuple[SourceFile, ...]
    past: dict[str, Past]
    now: int

    def find(self, task: TaskText) -> dict[str, Found]:
        """Every file's signals for a task, by path."""
        rows = signals(task, self.files, self.past, now=self.now)
        wanted = rarest(self.files, query(task.whole))
        return {
            file.path: Found(row, scope_prompt(task, file, row, wanted))
            for file, row in zip(self.files, rows, strict=True)
        }


def read_snapshot(repo: Path, revision: str) -> Snapshot:
    """Read all of a revision.

    Raises:
        GitError: The revision is unknown, the history is cut, or an object is missing.
    """
    history = list(walk(repo, revision))
    past: dict[str, Past] = {}
    for commit in reversed(history):
        note(past, commit)
    if not history:
        raise GitError(f"{repo}: {revision} has no commits: name a revision with a history")
    with object_reader(repo) as reader:
        files = Trees(repo, reader).files(history[0].sha)
    return Snapshot(files, past, history[0].committed_at)


@dataclass(slots=True)
class Shelf:
    """One revision of a clone, read when it is first asked for; for many threads.

    Attributes:
        repo: Git directory of a whole clone.
        revision: What the agent works on.
    """

    repo: Path
    revision: str = "HEAD"
    _snapshot: Snapshot | None = None
    _tasks: dict[TaskText, dict[str, Found]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, task: TaskText, path: str) -> Found | None:
        """What is known of a file; None where it is none of the ranked ones. Blocks.

        Raises:
            GitError: The clone cannot be read.
        """
        with self._lock:
            if self._snapshot is None:
                self._snapshot = read_snapshot(self.repo, self.revision)
            if task not in self._tasks:
                if len(self._tasks) >= _KEPT:
                    self._tasks.pop(next(iter(self._tasks)))
                self._tasks[task] = self._snapshot.find(task)
            return self._tasks[task].get(path)


class Shelves:
    """Whose files an attempt asks about: its own shelf, or the one for all."""

    def __init__(self, otherwise: Shelf | None = None) -> None:
        self._otherwise = otherwise
        self._by_attempt: dict[str, Shelf] = {}
        self._shared = lru_cache(maxsize=_KEPT)(Shelf)

    def add(self, attempt: str, repo: Path, revision: str) -> None:
        """Give an attempt its base commit; attempts on one commit share what was read."""
        self._by_attempt[attempt] = self._shared(repo, revision)

    def remove(self, attempt: str) -> None:
        """Forget an attempt, there or not."""
        self._by_attempt.pop(attempt, None)

    def of(self, attempt: str) -> Shelf | None:
        """The shelf of an attempt; None where it has none."""
        return self._by_attempt.get(attempt, self._otherwise)
