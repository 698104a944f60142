"""Snapshots of a workspace: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, RoundError, StoreError
from cra_pipeline.integrations.raw_db.columns import COLUMNS
from cra_pipeline.logs.stage.lakes import copies
from cra_pipeline.logs.stage.snapshots import check_snapshot, snapshot_raw
from cra_pipeline_tests.integrations.raw_db.databases import opened
from cra_pipeline_tests.integrations.raw_db.declared import add_call, declared_database
from cra_pipeline_tests.logs.workspaces import example_workspace, open_rounds, users_database


@pytest.fixture
def home(tmp_path: Path) -> Layout:
    return example_workspace(tmp_path)


def files(layout: Layout) -> dict[str, bytes]:
    root = layout.partition("raw_snapshot", "r01")
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_a_snapshot_holds_the_home_and_the_users_databases(tmp_path: Path, home: Layout) -> None:
    report = snapshot_raw(home, "r01", databases=[users_database(tmp_path)])
    check = check_snapshot(home, "r01")

    assert report.manifest.rows == 2 * len(COLUMNS)
    assert {count.label for count in report.manifest.counts} == {"home", "shop"}
    assert [item.name for item in report.manifest.inputs] == ["attempts/till|r01"]
    assert check.passed
    assert check.content_id == report.manifest.content_id
    assert list(home.scratch.iterdir()) == []


def test_the_same_databases_give_the_same_bytes_elsewhere(tmp_path: Path, home: Layout) -> None:
    other = example_workspace(tmp_path / "other")

    snapshot_raw(home, "r01")
    snapshot_raw(other, "r01")

    assert files(home) == files(other)


def test_a_later_snapshot_replaces_the_earlier_one(tmp_path: Path, home: Layout) -> None:
    snapshot_raw(home, "r01", databases=[users_database(tmp_path)])
    with opened(home.raw_db) as connection:
        add_call(connection, "later")

    snapshot_raw(home, "r01")

    assert check_snapshot(home, "r01").passed
    names = {path.name for path in copies(home, "r01").glob("*/*")}
    assert names == {"home.parquet"}
    assert (
        pq.read_metadata(copies(home, "r01") / "retrieval_llm_calls" / "home.parquet").num_rows == 5
    )


def test_without_a_raw_database_a_snapshot_is_empty(home: Layout) -> None:
    home.raw_db.unlink()

    assert snapshot_raw(home, "r01").manifest.rows == 0
    assert check_snapshot(home, "r01").passed


def test_a_database_that_is_refused_leaves_the_earlier_snapshot(
    tmp_path: Path, home: Layout
) -> None:
    snapshot_raw(home, "r01")
    before = files(home)
    drifted = declared_database(tmp_path / "odd" / "raw.sqlite", without="run_attempts")

    with pytest.raises(StoreError, match="run_attempts"):
        snapshot_raw(home, "r01", databases=[str(drifted)])

    assert files(home) == before
    assert list(home.scratch.iterdir()) == []


def test_the_first_snapshot_that_is_refused_leaves_nothing(home: Layout) -> None:
    home.raw_db.write_bytes(b"no database, but enough bytes to be looked at closely" * 20)
    for tail in ("-wal", "-shm"):
        home.raw_db.with_name(home.raw_db.name + tail).unlink(missing_ok=True)

    with pytest.raises(StoreError, match="expected a SQLite database"):
        snapshot_raw(home, "r01")

    assert not home.partition("raw_snapshot", "r01").exists()
    assert list(home.scratch.iterdir()) == []


def test_attempts_that_were_not_checked_are_no_ground(home: Layout) -> None:
    home.check("attempts", "till|r01").unlink()

    with pytest.raises(CheckError, match=r"attempts of till\|r01 is not ready"):
        snapshot_raw(home, "r01")


def test_a_round_that_is_not_open_is_refused(home: Layout) -> None:
    with pytest.raises(RoundError, match="r07: no such round; open are r01"):
        snapshot_raw(home, "r07")


def test_a_round_without_attempts_can_be_snapshot(home: Layout) -> None:
    open_rounds(home, "r01", "r02")

    assert snapshot_raw(home, "r02").manifest.inputs == ()


@pytest.mark.parametrize("damage", ["gone", "changed", "torn", "added"])
def test_the_check_sees_every_change(home: Layout, damage: str) -> None:
    snapshot_raw(home, "r01")
    path = copies(home, "r01") / "retrieval_llm_calls" / "home.parquet"
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        pq.write_table(pq.read_table(path).slice(1), path)
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.with_name("other.parquet").write_bytes(path.read_bytes())

    check = check_snapshot(home, "r01")

    assert not check.passed
    assert "retrieval_llm_calls" in check.findings[0]


def test_a_database_given_twice_is_refused(tmp_path: Path, home: Layout) -> None:
    with pytest.raises(StoreError, match="given twice"):
        snapshot_raw(home, "r01", databases=[users_database(tmp_path)] * 2)
