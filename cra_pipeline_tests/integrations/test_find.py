"""Single rows and columns of tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.manifests import Count
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.files import write_table
from cra_pipeline.integrations.find import columns, find_row

ROWS = [Count(label="a", count=1), Count(label="b", count=2), Count(label="b", count=3)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "repo=x" / "rows.parquet"
    write_table(path, ROWS, Count)
    return path


def test_the_first_row_with_a_value_is_found(table: Path) -> None:
    assert find_row(table, Count, "label", "b") == ROWS[1]
    assert find_row(table, Count, "label", "c") is None


def test_columns_are_read_alone(table: Path) -> None:
    assert columns(table, "count") == [{"count": 1}, {"count": 2}, {"count": 3}]


def test_a_table_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert find_row(tmp_path / "none.parquet", Count, "label", "b") is None
    assert columns(tmp_path / "none.parquet", "label") == []


def test_another_table_than_expected_is_named(table: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no table")

    with pytest.raises(StoreError, match=r"broken\.parquet: no table as expected"):
        columns(broken, "label")
    with pytest.raises(StoreError, match=r"rows\.parquet: no table as expected"):
        columns(table, "label", "colour")
    with pytest.raises(StoreError, match="no table as expected"):
        find_row(table, Count, "colour", "red")
    with pytest.raises(StoreError, match="RepoSnapshot"):
        find_row(table, RepoSnapshot, "label", "a")
