"""Lists of files to rank, one per commit, with signals and the question to a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cra_pipeline.integrations.ranking.histories import Asked
from cra_pipeline.ranking.bm25 import bm25, rarest
from cra_pipeline.ranking.candidates import CandidatePolicy, candidate_kinds
from cra_pipeline.ranking.messages import TaskText, names_module, task_text
from cra_pipeline.ranking.prompts import scope_prompt
from cra_pipeline.ranking.signals import Signals, signals
from cra_pipeline.ranking.words import query

OTHER = "other"
"""Kind of a file that is in the full list only."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a list.

    Attributes:
        path: Of the file.
        touched: Whether the commit changes it.
        kind: ``touched``, ``near``, ``alike``, ``drawn``, ``further`` or ``other``.
        found: Its signals.
        prompt: The user's message that asks about it.
    """

    path: str
    touched: bool
    kind: str
    found: Signals
    prompt: str


@dataclass(frozen=True, slots=True)
class FileList:
    """All source files of the tree in which a commit was asked for.

    Attributes:
        sha: Of the commit.
        at: Its committer date, in seconds.
        task: What its message asks for.
        hard: Whether the message names none of the touched files.
        files: By path.
    """

    sha: str
    at: int
    task: TaskText
    hard: bool
    files: tuple[Listed, ...]


def file_list(asked: Asked, policy: CandidatePolicy) -> FileList:
    """The list of one commit."""
    commit, files = asked.commit, asked.files
    task = task_text(commit.message)
    found = signals(task, files, asked.past, now=commit.committed_at)
    paths = [file.path for file in files]
    subject = bm25(files, query(task.subject))
    kinds = candidate_kinds(paths, asked.touched, subject, policy, name=commit.sha)
    wanted = rarest(files, query(task.whole))
    listed = tuple(
        Listed(
            path=file.path,
            touched=file.path in asked.touched,
            kind=kinds.get(file.path, OTHER),
            found=one,
            prompt=scope_prompt(task, file, one, wanted),
        )
        for file, one in zip(files, found, strict=True)
    )
    hard = not any(names_module(path, task.whole) for path in asked.touched)
    return FileList(commit.sha, commit.committed_at, task, hard, listed)


def file_lists(asked: Iterator[Asked], policy: CandidatePolicy) -> Iterator[FileList]:
    """Lists of commits, in their order."""
    return (file_list(one, policy) for one in asked)
