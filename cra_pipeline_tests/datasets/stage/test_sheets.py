"""Sheets are drawn once, and what a person says is stored and counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.contracts.reading import ReadingMarks
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.reading import ReadingPolicy
from cra_pipeline.datasets.stage.sheets import stored_marks, take_marks, write_sheet
from cra_pipeline.errors import DatasetError
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline_tests.datasets.conftest import SCOPE
from cra_pipeline_tests.datasets.worlds import World

pytestmark = pytest.mark.slow


def command(layout: Layout, *arguments: str) -> Result:
    return CliRunner(env={"CRA_PIPELINE_HOME": str(layout.root)}).invoke(main, arguments)


def test_a_sheet_is_written_once_and_marks_are_counted(world: World, tmp_path: Path) -> None:
    page, blank = write_sheet(world.layout, SCOPE, ReadingPolicy())
    bytes_before = page.read_bytes()
    saved = tmp_path / "saved.json"
    first = blank.marks[0].model_copy(update={"verdict": "bad", "note": "wrong file"})
    write_record(saved, blank.model_copy(update={"marks": (first,)}))
    taken = command(
        world.layout, "reading-sheet", "--kind", "scope", "--round", "r02", "--marks", str(saved)
    )
    shown = command(world.layout, "show", "datasets")

    assert len(blank.marks) == 20
    assert taken.exit_code == 0, taken.output
    assert "read 1 of 20: 1 bad" in taken.stdout
    assert "1 of 20" in shown.stdout
    again, marks = write_sheet(world.layout, SCOPE, ReadingPolicy())
    assert (again, marks.marks[0]) == (page, first)
    assert page.read_bytes() != bytes_before
    assert b"wrong file" in page.read_bytes()


def test_a_sheet_of_another_draw_does_not_lose_the_marks(world: World) -> None:
    write_sheet(world.layout, SCOPE, ReadingPolicy())

    with pytest.raises(DatasetError, match="with seed 0 and 20 rows was made already"):
        write_sheet(world.layout, SCOPE, ReadingPolicy(seed=1))


def test_marks_are_refused_without_their_sheet(world: World, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no reading sheet of sft_dataset scope r02"):
        take_marks(world.layout, SCOPE, tmp_path / "marks.json")
    write_sheet(world.layout, SCOPE, ReadingPolicy())
    marks = stored_marks(world.layout, SCOPE)
    assert marks is not None
    write_record(tmp_path / "marks.json", marks.model_copy(update={"content_id": "older"}))

    with pytest.raises(DatasetError, match="another sheet: content_id"):
        take_marks(world.layout, SCOPE, tmp_path / "marks.json")
    (tmp_path / "marks.json").write_text('{"verdict": "superb"}')
    broken = command(
        world.layout, "reading-sheet", "--kind", "scope", "--round", "r02", "--marks",
        str(tmp_path / "marks.json"),
    )  # fmt: skip
    assert (broken.exit_code, "ReadingMarks" in broken.output) == (1, True)


def test_a_kind_without_a_dataset_has_no_sheet(made: World) -> None:
    result = command(made.layout, "reading-sheet", "--kind", "precision", "--round", "r02")

    assert (result.exit_code, "curate-data --round r02" in result.output) == (1, True)


def test_the_marks_file_is_as_the_page_saves_it(world: World) -> None:
    page, marks = write_sheet(world.layout, SCOPE, ReadingPolicy())

    assert read_record(page.with_suffix(".marks.json"), ReadingMarks) == marks
