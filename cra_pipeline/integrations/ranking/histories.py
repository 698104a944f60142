"""A history's commits that ask for a change, each with all files of its parent's tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.history import HistoryCommit
from cra_pipeline.integrations.git.objects import ObjectReader, object_reader
from cra_pipeline.integrations.git.trees import entries
from cra_pipeline.integrations.git.walk import line_counts, walk
from cra_pipeline.ranking.messages import CommitPolicy, may_ask
from cra_pipeline.ranking.signals import Past
from cra_pipeline.ranking.sources import SourceFile, is_source, source_file

_FEWEST = 6
"""Source files below which there is nothing to choose from."""

_ORDINARY = "100"


@dataclass(frozen=True, slots=True)
class Asked:
    """One commit and the state in which it was asked for.

    Attributes:
        commit: The commit.
        files: Every source file of its parent's tree, by path.
        past: Changes before it, by path.
        touched: Source files of the parent's tree that it changes, sorted.
    """

    commit: HistoryCommit
    files: tuple[SourceFile, ...]
    past: dict[str, Past]
    touched: tuple[str, ...]


class Trees:
    """Source files of the trees of one repository; those of the tree asked for last are kept."""

    def __init__(self, repo: Path, reader: ObjectReader) -> None:
        self._repo = repo
        self._reader = reader
        self._known: dict[tuple[str, str], SourceFile] = {}

    def files(self, commit: str) -> tuple[SourceFile, ...]:
        """Source files of a commit's tree, by path.

        Raises:
            GitError: The tree or a blob is missing.
        """
        found: dict[tuple[str, str], SourceFile] = {}
        for entry in entries(self._repo, commit):
            if entry.mode.startswith(_ORDINARY) and is_source(entry.path):
                key = (entry.path, entry.blob)
                found[key] = self._known.get(key) or self._read(*key)
        self._known = found
        return tuple(found.values())

    def _read(self, path: str, blob: str) -> SourceFile:
        return source_file(path, self._reader.read(blob).decode(errors="replace"))


def asking_commits(
    repo: Path, revision: str, *, newest: int, policy: CommitPolicy
) -> Iterator[Asked]:
    """The newest commits that ask for a change, the oldest of them first.

    Args:
        repo: Git directory of a whole clone.
        revision: Where the history ends.
        newest: Most commits.
        policy: Which commits ask.

    Raises:
        GitError: The history is cut, or an object is missing.
    """
    history = list(walk(repo, revision))[::-1]
    chosen = set(_small(repo, [c for c in history if may_ask(c, policy)], policy)[-newest:])
    past: dict[str, Past] = {}
    with object_reader(repo) as reader:
        trees = Trees(repo, reader)
        for commit in history:
            if commit.sha in chosen:
                files = trees.files(commit.parents[0])
                changed = {file.path for file in commit.files}
                touched = tuple(sorted(changed & {file.path for file in files}))
                if touched and len(files) >= _FEWEST:
                    here = {file.path: past.get(file.path, Past()) for file in files}
                    yield Asked(commit, files, here, touched)
            note(past, commit)


def note(past: dict[str, Past], commit: HistoryCommit) -> None:
    """Count a commit's changes in."""
    for file in commit.files:
        before = past.get(file.path, Past())
        past[file.path] = Past(before.changes + 1, commit.committed_at)


def _small(repo: Path, commits: Iterable[HistoryCommit], policy: CommitPolicy) -> list[str]:
    """Ids of commits whose ``.py`` files change by few enough lines, in the order given."""
    counts = line_counts(repo, [commit.sha for commit in commits])
    return [
        sha
        for sha, lines in counts
        if sum(sum(pair) for pair in lines.values() if pair) < policy.most_lines
    ]
