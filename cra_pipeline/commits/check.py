"""What must hold of a finished table of commits before anything is built on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cra_pipeline.commits.rules import ORDER
from cra_pipeline.contracts.commits import CommitRow


def findings(rows: Sequence[CommitRow], *, commits: int) -> tuple[str, ...]:
    """What does not hold, one sentence each; empty where all is well.

    Args:
        rows: The whole table.
        commits: Commits that the snapshot counts.
    """
    found: list[str] = []
    if len(rows) != commits:
        found.append(f"{len(rows)} rows for a history of {commits} commits")
    twice = sorted(sha for sha, count in Counter(row.sha for row in rows).items() if count > 1)
    found.extend(f"{sha}: more than one row" for sha in twice)
    found.extend(fault for row in rows if (fault := _fault(row)))
    if list(rows) != sorted(rows, key=lambda row: (-row.committed_at, row.sha)):
        found.append("rows are not sorted newest first, then by id")
    return tuple(found)


def _fault(row: CommitRow) -> str:
    """The first thing that is wrong with one row."""
    if row.qualified and (row.reason or row.evidence):
        return f"{row.sha}: qualified, yet rejected as {row.reason!r}"
    if row.qualified and not (row.type and row.base_sha):
        return f"{row.sha}: qualified without a planning type or a base commit"
    if row.qualified and not (row.source_files or row.test_files):
        return f"{row.sha}: qualified without a source or test file"
    if not row.qualified and not (row.reason in ORDER and row.evidence):
        return f"{row.sha}: rejected without a known reason and evidence ({row.reason!r})"
    if not row.window or row.window[-1] != row.sha:
        return f"{row.sha}: its window {row.window} does not end with it"
    return ""
