"""What the packages stage itself keeps on disk between two runs."""

from __future__ import annotations

from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.record import Record


class JournalLine(Record):
    """A finished commit; a line with another key than today's is no longer true."""

    key: str
    """Digest of policy, commit and snapshot."""
    row: EnvironmentRow
