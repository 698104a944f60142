"""Rows in words: the label that is counted, and a few rows for a table."""

from __future__ import annotations

from cra_pipeline.contracts.packages import EnvironmentRow

_ROWS = 20
_REASON_CHARS = 80


def label(row: EnvironmentRow) -> str:
    """The rung that gave the environment, or the short code of why there is none."""
    if row.reason:
        return row.reason.partition(":")[0]
    return f"{row.rung}, dated" if row.as_of else row.rung


def package_preview(rows: tuple[EnvironmentRow, ...]) -> tuple[dict[str, str], ...]:
    """The first rows, cut to what fits a table."""
    return tuple(
        {
            "commit": row.sha[:12],
            "environment": row.lock_hash[:12],
            "rung": row.rung,
            "as of": row.as_of,
            "reason": row.reason[:_REASON_CHARS],
        }
        for row in rows[:_ROWS]
    )
