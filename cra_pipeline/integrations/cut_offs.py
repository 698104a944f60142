"""Whether anything comes after a round's cut-off, as its clones tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.git.dates import dated_commits


def note_on_cut_off(
    layout: Layout, record: RoundRecord, dated: Mapping[str, int] | None = None
) -> str:
    """A sentence where no commit of a training repository comes after the cut-off; else empty.

    Args:
        layout: The workspace.
        record: The round.
        dated: Committer date of its pins by repository, for those that are not cloned yet.

    Returns:
        Nothing either where a repository is neither cloned nor dated: then nobody can tell.

    Raises:
        GitError: A clone lacks its pin.
    """
    found = list(_dates(layout, record, dated or {}))
    if not found or any(not dates or max(dates) > record.cut_off for dates in found):
        return ""
    return f"the holdout in time of {record.round} is empty: it pins no commit after its cut-off"


def _dates(layout: Layout, record: RoundRecord, dated: Mapping[str, int]) -> Iterator[list[int]]:
    """Committer dates of each training repository, as far as they are known."""
    for repo, pin in record.pins:
        if repo in record.held_out:
            continue
        if layout.snapshot(repo).exists():
            yield [date for date, _ in dated_commits(layout.snapshot(repo), pin).values()]
        else:
            yield [date for date in [dated.get(repo, 0)] if date]
