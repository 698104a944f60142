"""What an attempt's agent logged, brought into the workspace's raw database."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.clean_room.launch import Left
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.raw_db.tries import forget, merge_try

_WORDS = 300


def merged(layout: Layout, left: Left, attempt_id: str) -> str:
    """Merge an attempt's database; why it cannot be, or nothing.

    Args:
        layout: The workspace.
        left: What came out of the sandbox; without a database, what an earlier, killed try logged
            is forgotten: it is no attempt's any more.
        attempt_id: Of the attempt.

    Raises:
        StoreError: There is no room to write the database out.
    """
    database = left.databases.get("raw.sqlite", b"")
    try:
        with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("agent")) as folder:
            place = Path(folder) / "raw.sqlite"
            place.write_bytes(database)
            return _merged(place, layout, attempt_id, empty=not database)
    except OSError as error:
        raise StoreError(
            f"{layout.scratch}: the database of attempt {attempt_id[:12]} could not be written "
            f"({error.strerror}): free disk space, then run the campaign again; finished attempts "
            "are kept"
        ) from error


def _merged(place: Path, layout: Layout, attempt_id: str, *, empty: bool) -> str:
    try:
        if empty:
            forget(layout.raw_db, attempt=attempt_id)
        else:
            merge_try(place, layout.raw_db, attempt=attempt_id)
    except StoreError as error:
        # The verdict stands without it; where the home lies is the machine's business.
        words = str(error).replace(str(place), "raw.sqlite").replace(str(layout.root), "")
        return f"not merged into the raw database: {words}"[:_WORDS]
    return ""
