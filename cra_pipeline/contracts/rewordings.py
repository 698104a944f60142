"""Task statements that a model has reworded."""

from __future__ import annotations

from cra_pipeline.contracts.record import Record


class RewordingRow(Record):
    """A task's statement and what became of it (row of ``rewordings.parquet``)."""

    task_id: str
    repo: str
    original: str
    """The statement as the commit gives it; always kept."""
    text: str
    """The one to use: the reworded one where it was accepted, else the original."""
    proposed: str
    """What the model wrote; empty where it was not asked or did not answer."""
    reason: str
    """``accepted``, ``not_poor``, or why the original stays, such as ``disclosure: new name``."""
    model: str
    """Who wrote and judged it."""
