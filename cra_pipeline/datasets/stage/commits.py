"""Reads a round's own commits for ``mining``: the commits table, and their files from git."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.increment import CommitFacts
from cra_pipeline.datasets.line import Line
from cra_pipeline.datasets.mining import MinedCommit, MiningPolicy, drawn, eligible, rows_of
from cra_pipeline.diffs import Blob
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.git.trees import change

COMMITS = "commits"
Facts = Callable[[Iterable[str]], dict[str, CommitFacts]]
"""Facts of some commits of one repository and round, by id."""


def own_commits(
    layout: Layout, repo: str, line: Line, facts: Facts, policy: MiningPolicy
) -> tuple[MinedCommit, ...]:
    """Commits of a repository that belong to a line's round, with their file before and after.

    Raises:
        StoreError: The commits table is missing or damaged.
        GitError: An object is missing.
    """
    of = line.record.round
    rows = eligible(read_table(layout.table(COMMITS, repo), CommitRow))
    # Without ids of changes, which cost a diff each: `facts` asks again with them.
    inside = [row for row in rows if not line.fault(repo, (row.sha,), (), of)]
    return _read(layout, repo, drawn(inside, policy), facts)


@dataclass(frozen=True, kw_only=True)
class CommitsAgain:
    """The proof's own reading of commits that nobody attempted.

    Attributes:
        layout: The workspace.
        repo: Key of the repository.
        round_name: That the commits are said to belong to.
        system: Text that the agent logged for the call; empty where it logged none.
        facts: Of commits, read from git.
    """

    layout: Layout
    repo: str
    round_name: str
    system: str
    facts: Facts

    def of(self, sha: str) -> tuple[str, tuple[CandidateRow, ...]]:
        """Why a commit may not train, as a code, and all rows that it gives.

        Raises:
            StoreError: The commits table is missing or damaged.
            GitError: An object is missing.
        """
        known = [row for row in self._eligible if row.sha == sha]
        fault = self.facts([sha])[sha].fault
        if fault or not self.system:
            return fault, ()
        found = (
            item
            for commit in _read(self.layout, self.repo, known, self.facts)
            for _, item in rows_of(commit, self.round_name, self.system, MiningPolicy())
        )
        return "", tuple(item for item in found if isinstance(item, CandidateRow))

    @cached_property
    def _eligible(self) -> tuple[CommitRow, ...]:
        return eligible(read_table(self.layout.table(COMMITS, self.repo), CommitRow))


def _read(
    layout: Layout, repo: str, rows: Iterable[CommitRow], facts: Facts
) -> tuple[MinedCommit, ...]:
    chosen = list(rows)
    known = facts(row.sha for row in chosen)
    snapshot = layout.snapshot(repo)
    found = ((row, change(snapshot, row.base_sha, row.sha)) for row in chosen)
    return tuple(
        MinedCommit(row=row, facts=known[row.sha], before=before, after=after)
        for row, both in found
        for (path,) in [row.source_files]
        # Files that came or went are no edits, and neither is what is no text.
        if (before := _text(both.before.get(path))) and (after := _text(both.after.get(path)))
    )


def _text(blob: Blob | None) -> str:
    if blob is None:
        return ""
    try:
        return blob.content.decode()
    except UnicodeDecodeError:
        return ""
