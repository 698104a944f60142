"""What ``cold_start.toml`` may say, and that its faults are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import SourceError
from cra_pipeline.integrations.cold_start.listing import read_plan


def written(folder: Path, text: str) -> Path:
    (folder / "cold_start.toml").write_text(text, encoding="utf-8")
    return folder


def test_an_empty_list_takes_from_nothing(tmp_path: Path) -> None:
    assert read_plan(written(tmp_path, "")).files == ()


def test_an_entry_needs_set_and_path_alone(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, '[[files]]\nset = "d3"\npath = "a.parquet"\n'))

    assert [(entry.set, entry.path, entry.count) for entry in plan.files] == [
        ("d3", "a.parquet", 0)
    ]


def test_a_missing_list_is_refused_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cold_start\.toml: missing: .*\n\[\[files\]\]"):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("files = [", "cold_start.toml: "),
        ('[[files]]\nset = "swe"\npath = "a"\n', "no published data set 'swe'"),
        ('[[files]]\nset = "d3"\n', "files.0.path: Field required"),
        ('[[files]]\nset = "d3"\npath = "a"\nnumber = 1\n', "files.0.number"),
        ("seed = 1979-05-27\n", "cold_start.toml: "),
    ],
)
def test_a_list_that_does_not_fit_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        read_plan(written(tmp_path, text))
