"""A snapshot is held against what lies there."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.logs import SnapshotTable
from cra_pipeline.logs.check import snapshot_findings

ROWS = (
    SnapshotTable(database="home", table="calls", rows=3, content_id="a" * 64),
    SnapshotTable(database="home", table="runs", rows=1, content_id="b" * 64),
)
FOUND = {("calls", "home"): (3, "a" * 64), ("runs", "home"): (1, "b" * 64)}
TABLES = ("calls", "runs")


def test_a_whole_snapshot_has_no_findings() -> None:
    assert snapshot_findings(ROWS, FOUND, TABLES) == []
    assert snapshot_findings((), {}, TABLES) == []


@pytest.mark.parametrize(
    ("found", "finding"),
    [
        ({("calls", "home"): (3, "a" * 64)}, "runs of home: its copy is gone"),
        (FOUND | {("runs", "shop"): (1, "c" * 64)}, "runs of shop: its copy is not listed"),
        (FOUND | {("calls", "home"): (2, "a" * 64)}, "calls of home: listed are 3 rows"),
        (FOUND | {("calls", "home"): (3, "c" * 64)}, "calls of home: listed are 3 rows"),
    ],
)
def test_every_difference_is_a_finding(
    found: dict[tuple[str, str], tuple[int, str]], finding: str
) -> None:
    (only,) = snapshot_findings(ROWS, found, TABLES)

    assert only.startswith(finding)


def test_a_table_that_is_listed_nowhere_is_missed() -> None:
    found = {("calls", "home"): FOUND["calls", "home"]}

    assert snapshot_findings(ROWS[:1], found, TABLES) == ["home: tables differ at runs"]


def test_a_table_that_is_listed_twice_is_a_finding() -> None:
    assert "a table is listed twice" in snapshot_findings((*ROWS, ROWS[0]), FOUND, TABLES)
