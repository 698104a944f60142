"""Rows that are commits to one file."""

from __future__ import annotations

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted
from cra_pipeline.gold.syntax import parsed


def wanted_commit(row: PublishedRow) -> Wanted | Dropped:
    """The change of a commit; only of one that edits a Python file in place."""
    texts = row.texts
    old, new = texts["old_file"], texts["new_file"]
    if not new.endswith(".py"):
        return Dropped("other_language", texts["lang"])
    if not texts["old_contents"].strip() or not old:
        return Dropped("created_file", new)
    if old != new:
        return Dropped("renamed_file", f"{old} -> {new}")
    if not texts["new_contents"].strip():
        return Dropped("deleted_file", old)
    if parsed(texts["new_contents"]) is None:
        return Dropped("not_python", new)
    return Wanted(
        task=texts["message"],
        path=new,
        before=texts["old_contents"],
        after=texts["new_contents"],
        sha=texts["commit"],
    )
