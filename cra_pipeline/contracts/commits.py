"""One row per commit, with the filter's verdict (``commits.parquet``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cra_pipeline.contracts.record import Record

PlanningType = Literal["meta-plan", "step-plan", "test-plan", ""]
"""What kind of plan the commit teaches; empty where it is rejected."""


class ChangedSymbol(Record):
    """A function, method or class whose lines the commit changed."""

    path: str
    name: str
    """Qualified inside its module, such as ``Client.close``."""
    change: Literal["added", "modified", "deleted"]


class CommitRow(Record):
    """One commit with its first parent; qualified, or rejected by the first rule that failed.

    Where a fix and its test landed in two nearby commits, the row of the later one is the
    window: ``base_sha`` precedes the first of ``window``.
    """

    repo: str
    sha: str
    base_sha: str
    """Commit whose tree is the pre-commit snapshot; empty for a root commit."""
    window: tuple[str, ...]
    """Commit ids joined into this change, oldest first; ``(sha,)`` for an ordinary commit."""
    committed_at: int
    """Committer date in seconds since the epoch: the only date that rounds look at."""
    authored_at: int
    subject: str
    message: str
    qualified: bool
    reason: str
    """Name of the first failing rule, such as ``message_too_short``; empty where qualified."""
    evidence: str
    """The values that failed it, such as ``2 words < 3``; empty where qualified."""
    rescue: str
    """What would make it qualify, in words for a person; empty where nothing would."""
    type: PlanningType
    also_types: tuple[str, ...]
    """Further planning types that the same change can teach."""
    source_files: tuple[str, ...]
    """Changed ``.py`` files that the project ships, sorted."""
    test_files: tuple[str, ...]
    """Changed ``.py`` test files (``conftest.py`` and test support included), sorted."""
    other_files: tuple[str, ...]
    """Changed files of any other kind, scaffolding such as ``setup.py`` included, sorted."""
    related_tests: tuple[str, ...]
    """Unchanged test files that exist for the changed sources by name, sorted."""
    added_lines: int
    """Added lines in ``.py`` files; 0 where an earlier rule made counting needless."""
    deleted_lines: int
    """Deleted lines in ``.py`` files; 0 where an earlier rule made counting needless."""
    symbols: tuple[ChangedSymbol, ...]
    """Changed symbols of the survivors; empty for rejected commits."""

    def kind(self) -> str:
        """``source-and-tests``, ``source-only`` or ``tests-only``: a ``tasks.TaskKind``."""
        if self.source_files and self.test_files:
            return "source-and-tests"
        return "tests-only" if self.test_files else "source-only"


def newest(rows: Iterable[CommitRow], kinds: Iterable[str], limit: int) -> tuple[CommitRow, ...]:
    """Qualified commits of the given kinds, newest first by committer date, then by id.

    Args:
        rows: Verdicts of one repository, in any order.
        kinds: Values of ``CommitRow.kind``.
        limit: At most so many of each kind; 0 for all.
    """
    ordered = sorted(
        (row for row in rows if row.qualified), key=lambda row: (-row.committed_at, row.sha)
    )
    chosen: list[CommitRow] = []
    for kind in dict.fromkeys(kinds):
        of_kind = [row for row in ordered if row.kind() == kind]
        chosen.extend(of_kind[: limit or None])
    return tuple(chosen)
