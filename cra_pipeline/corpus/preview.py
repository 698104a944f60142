"""A snapshot in a few words, for the terminal and the asset's metadata."""

from __future__ import annotations

from cra_pipeline.contracts.sources import RepoSnapshot, ScanReport


def snapshot_preview(row: RepoSnapshot, scan: ScanReport) -> tuple[dict[str, str], ...]:
    """Lines of ``what`` and ``value``; a history without Python says what that means."""
    python = str(scan.python_files)
    if not scan.python_files:
        python += ": nothing at the pin can become a task"
    lines = {
        "pin": row.revision,
        "commits": str(row.commits),
        "tags": str(len(row.tags)),
        "files at the pin": str(scan.files),
        "Python files": python,
    }
    found = {f"scan: {rule}": str(count) for rule, count in scan.counts}
    return tuple({"what": what, "value": value} for what, value in (lines | found).items())
