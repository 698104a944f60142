"""What a round keeps out of its training sets (rows of ``holdout.parquet``)."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.record import Record


class HoldoutRow(Record):
    """One commit on the far side of a round's line."""

    repo: str
    sha: str
    committed_at: int
    """Committer date in seconds since the epoch."""
    patch_id: str
    """Of its change against its first parent; empty for merges and for changes of no text."""
    reason: Literal["held_out_repository", "after_cut_off"]
    task_id: str
    """Of the admitted task that the commit became; empty where it became none."""
    content_id: str
    """Digest of the task's row; empty where there is none."""
    statement: str
    """Of the task: what a training row may not repeat; empty where there is none."""
    added: str
    """Lines that the task's gold change and tests add, without their signs."""
