"""A database that cannot be merged is told before all else; a full disk in the usual words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.clean_room.merging import merged
from cra_pipeline_tests.integrations.clean_room.beds import Bed
from cra_pipeline_tests.integrations.clean_room.test_endings import content, left
from cra_pipeline_tests.integrations.clean_room.test_stand_in import WRONG, attempt
from cra_pipeline_tests.integrations.raw_db.databases import attempt_database
from cra_pipeline_tests.wheels import small_disk


def test_a_full_disk_is_told_in_the_workspace_s_words(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    layout.scratch.mkdir(parents=True)
    database = content(attempt_database(tmp_path / "raw.sqlite", status="complete"))

    with small_disk(1000), pytest.raises(StoreError, match=r"attempt a1 .* run the campaign again"):
        merged(layout, left(database), "a1")
    assert list(layout.scratch.iterdir()) == []


def test_what_could_not_be_merged_is_told_before_any_other_miss(bed: Bed) -> None:
    bed.layout.raw_db.parent.mkdir(parents=True)
    bed.layout.raw_db.write_bytes(b"no database" * 1000)
    harmless = WRONG.replace("return 0", "return sum(list(prices))")
    run = attempt(bed, "a1", {"implement": harmless, "test_plan": "none"})

    assert run.outcome is None
    assert run.shortfall.startswith("not merged into the raw database: ")
    assert "; tests/test_till.py: not as the commit leaves it" in run.shortfall
    assert str(bed.layout.root) not in run.shortfall
