"""Which commits a revision reaches."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.integrations.git.run import git


def reached_by(snapshot: Path, revision: str) -> frozenset[str]:
    """Ids of a commit and of everything before it.

    Raises:
        GitError: There is no such commit, or its history is cut.
    """
    return frozenset(git(snapshot, "rev-list", "--end-of-options", revision).decode().split())
