"""What stands beside every table: where it came from, what was counted, what a check found."""

from __future__ import annotations

from cra_pipeline.contracts.record import Record


class Count(Record):
    """A label and how often it occurred."""

    label: str
    count: int


class Input(Record):
    """Content id of one upstream artifact."""

    name: str
    content_id: str


class AssetManifest(Record):
    """``manifest.json`` of one asset partition, written last: with it the partition is done."""

    asset: str
    partition: str
    rows: int
    content_id: str
    """SHA-256 of the table's rows (canonical JSON lines, in order)."""
    inputs: tuple[Input, ...]
    counts: tuple[Count, ...]
    """Rows by reason, most frequent first, then by label."""
    policy: str
    """Canonical JSON of every number that decided the rows."""


class CheckReport(Record):
    """Result of a blocking check, ``checks/<asset>/<partition>.json``."""

    asset: str
    partition: str
    content_id: str
    """The content id that was judged: a later table needs a new check."""
    passed: bool
    findings: tuple[str, ...]
    """What does not hold, one sentence each; empty where passed."""
    notes: tuple[str, ...] = ()
    """What could not be looked at, such as tokens without a tokenizer; refuses nothing."""
