"""From a history to the rows that are stored."""

from __future__ import annotations

from collections.abc import Iterable

from cra_pipeline.commits.cascade import (
    Evidence,
    Judged,
    join_windows,
    judge_survivors,
    judge_walked,
)
from cra_pipeline.commits.facts import Facts
from cra_pipeline.commits.message import head_line
from cra_pipeline.commits.planning import planning_types
from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.history import HistoryCommit


def judge_commits(
    repo: str, commits: Iterable[HistoryCommit], evidence: Evidence, policy: FilterPolicy
) -> tuple[CommitRow, ...]:
    """One row per commit, newest first by committer date, then by id; symbols are left empty.

    Rejected commits become rows at once, so that little else is held of a long history.

    Args:
        repo: Key of the repository.
        commits: The whole history, each commit once, in any order.
        evidence: Where facts beyond the walk come from.
        policy: The numbers.
    """
    rows: dict[str, CommitRow] = {}
    parents: dict[str, tuple[str, ...]] = {}
    survivors: list[Facts] = []
    for judged in judge_walked(commits, evidence, policy):
        commit = judged.facts.commit
        parents[commit.sha] = commit.parents
        if judged.rejection is None:
            survivors.append(judged.facts)
        else:
            rows[commit.sha] = commit_row(repo, judged, policy)
    later = {item.facts.commit.sha: item for item in judge_survivors(survivors, evidence, policy)}
    rows |= {sha: commit_row(repo, item, policy) for sha, item in later.items()}
    joined = join_windows(later, parents, lambda sha: _touched(rows.get(sha)), evidence, policy)
    rows |= {sha: commit_row(repo, item, policy) for sha, item in joined.items()}
    return tuple(sorted(rows.values(), key=lambda row: (-row.committed_at, row.sha)))


def _touched(row: CommitRow | None) -> frozenset[str]:
    return frozenset((*row.source_files, *row.test_files, *row.other_files) if row else ())


def commit_row(repo: str, judged: Judged, policy: FilterPolicy) -> CommitRow:
    """The row of one commit, without symbols.

    Args:
        repo: Key of the repository.
        judged: The verdict.
        policy: The numbers, for the planning type.
    """
    facts, rejection, window = judged.facts, judged.rejection, judged.window
    commit = facts.commit
    types = () if rejection else planning_types(facts, policy)
    parents = window.earlier.commit.parents if window else commit.parents
    return CommitRow(
        repo=repo,
        sha=commit.sha,
        base_sha=parents[0] if parents else "",
        window=(window.earlier.commit.sha, commit.sha) if window else (commit.sha,),
        committed_at=commit.committed_at,
        authored_at=commit.authored_at,
        subject=head_line(commit.message),
        message=commit.message,
        qualified=rejection is None,
        reason=rejection.reason if rejection else "",
        evidence=rejection.evidence if rejection else "",
        rescue=rejection.rescue if rejection else "",
        type=types[0] if types else "",
        also_types=types[1:],
        source_files=facts.paths.sources,
        test_files=facts.paths.tests,
        other_files=facts.paths.others,
        related_tests=facts.related_tests or (),
        added_lines=facts.added,
        deleted_lines=facts.deleted,
        symbols=(),
    )
