"""What must hold of a snapshot before commits are read from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.sources import RepoSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFacts:
    """What git says of a snapshot that lies on disk.

    Attributes:
        refs: (full ref name, id it points to) of every ref.
        commits: Commits that the pin reaches; -1 where git could not count them.
        broken: Git's words on missing or damaged objects; empty where the history is whole.
        borrows: Whether the clone reaches into another repository's objects.
    """

    refs: tuple[tuple[str, str], ...]
    commits: int
    broken: str
    borrows: bool


def judge_snapshot(
    repo: str, rows: Sequence[RepoSnapshot], facts: SnapshotFacts, *, pinned: str
) -> tuple[str, ...]:
    """Findings, one sentence each; empty where the snapshot can be built upon.

    Args:
        repo: Name of the partition.
        rows: Rows of its table.
        facts: What git says.
        pinned: Full name of the only branch that may exist.
    """
    if len(rows) != 1:
        return (f"{repo}: {len(rows)} rows, expected exactly one",)
    row = rows[0]
    found = dict(facts.refs)
    tags = {f"refs/tags/{tag}" for tag in row.tags}
    findings = []
    if row.repo != repo:
        findings.append(f"the row is of {row.repo}, expected {repo}")
    if found.get(pinned) != row.revision:
        findings.append(f"{pinned} is at {found.get(pinned)}, expected {row.revision}")
    if odd := sorted(set(found) - tags - {pinned}):
        findings.append(f"refs beside {pinned} and the listed tags: {', '.join(odd[:5])}")
    if lost := sorted(tags - set(found)):
        findings.append(f"tags that are listed but gone: {', '.join(lost[:5])}")
    if facts.broken:
        findings.append(f"the history is not whole: {facts.broken}")
    elif facts.commits != row.commits:
        findings.append(f"{facts.commits} commits are reached, expected {row.commits}")
    if facts.borrows:
        findings.append("the clone borrows objects from another repository")
    return tuple(findings)
