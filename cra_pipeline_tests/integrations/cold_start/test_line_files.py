"""A JSONL file appears whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cra_pipeline.contracts.manifests import Count
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.cold_start.line_files import line_file, read_lines

ROWS = [Count(label="a", count=1), Count(label="é", count=2)]


def test_rows_come_back_and_the_content_id_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with line_file(path) as lines:
        for row in ROWS:
            lines.add(row)

    assert list(read_lines(path, Count)) == ROWS
    assert lines.content_id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert lines.rows == 2


def test_nothing_is_left_of_a_file_whose_block_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with line_file(tmp_path / "rows.jsonl") as lines:
            lines.add(ROWS[0])
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_a_line_that_does_not_fit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(ROWS[0].canonical_json() + '\n{"label": 1}\n', encoding="utf-8")

    with pytest.raises(StoreError, match=r"rows\.jsonl:2: Count\.label"):
        list(read_lines(path, Count))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing"):
        list(read_lines(tmp_path / "rows.jsonl", Count))
