"""Statements over Parquet files, and what is said where a file is not what it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.arrow import arrow_schema
from cra_pipeline.contracts.manifests import Count, Input
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.duckdb_lake import LakeTable, opened_lake
from cra_pipeline.integrations.files import write_table

SCHEMA = arrow_schema(Count)


def counts(path: Path, *rows: tuple[str, int]) -> Path:
    write_table(path, [Count(label=label, count=count) for label, count in rows], Count)
    return path


def test_files_are_one_table(tmp_path: Path) -> None:
    files = [counts(tmp_path / "a.parquet", ("a", 1)), counts(tmp_path / "b.parquet", ("b", 2))]
    with opened_lake({"counts": LakeTable(files, SCHEMA)}) as lake:
        found = lake.rows("SELECT * FROM counts WHERE count > $least", Count, least=1)

    assert found == (Count(label="b", count=2),)


def test_no_file_is_an_empty_table() -> None:
    with opened_lake({"counts": LakeTable([], SCHEMA)}) as lake:
        assert lake.rows("SELECT * FROM counts", Count) == ()


def test_a_value_is_no_statement(tmp_path: Path) -> None:
    files = [counts(tmp_path / "a.parquet", ("a", 1))]
    with opened_lake({"counts": LakeTable(files, SCHEMA)}) as lake:
        sql = "SELECT * FROM counts WHERE label = $label"

        assert lake.rows(sql, Count, label="' OR '1' = '1") == ()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    table = LakeTable([tmp_path / "gone.parquet"], SCHEMA)

    with pytest.raises(StoreError, match=r"gone\.parquet"), opened_lake({"counts": table}):
        pass


def test_other_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "inputs.parquet"
    write_table(path, [Input(name="a", content_id="b")], Input)

    with (
        pytest.raises(StoreError, match="columns differ at content_id, count, label, name"),
        opened_lake({"counts": LakeTable([path], SCHEMA)}),
    ):
        pass


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    files = [counts(tmp_path / "a.parquet", ("a", 1))]
    with (
        opened_lake({"counts": LakeTable(files, SCHEMA)}) as lake,
        pytest.raises(StoreError, match=r"row 1: Input\.name"),
    ):
        lake.rows("SELECT 'x' AS content_id, count AS name FROM counts", Input)


def test_a_statement_that_is_wrong_is_an_error_of_the_store(tmp_path: Path) -> None:
    files = [counts(tmp_path / "a.parquet", ("a", 1))]
    with (
        opened_lake({"counts": LakeTable(files, SCHEMA)}) as lake,
        pytest.raises(StoreError, match="colour"),
    ):
        lake.rows("SELECT colour FROM counts", Count)
