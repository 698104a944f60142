"""What finished attempts leave behind: which calls are compacted, which traces stay."""

from __future__ import annotations

from collections.abc import Iterable

from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.stage.adopted import trace_path
from cra_pipeline.integrations.calls import compact


def keep_calls(layout: Layout, partition: str, rows: Iterable[AttemptRow]) -> None:
    """Bring the request logs of finished attempts into one table for each campaign.

    Args:
        layout: The workspace.
        partition: Key ``repo|round``.
        rows: Attempts whose files are all there, each once.

    Raises:
        StoreError: The disk is full, or a log is damaged.
    """
    by_campaign: dict[str, list[str]] = {}
    for row in rows:
        if row.calls:
            by_campaign.setdefault(row.campaign, []).append(row.attempt_id)
    for campaign, ids in sorted(by_campaign.items()):
        compact(layout, partition, campaign, ids)


def drop_stale_traces(
    layout: Layout, partition: str, rows: Iterable[AttemptRow], known: Iterable[AttemptRow]
) -> None:
    """Remove traces that no table and no campaign needs.

    Args:
        layout: The workspace.
        partition: Key ``repo|round``.
        rows: Attempts of the table.
        known: All that the journal knows. A campaign's attempts cost money, and can be wanted
            again, so their traces stay whether they are in the table or not.
    """
    ids = {row.attempt_id for row in rows} | {row.attempt_id for row in known if row.campaign}
    kept = {trace_path(layout, partition, name) for name in ids}
    for path in trace_path(layout, partition, "any").parent.glob("*.json"):
        if path not in kept:
            path.unlink()
