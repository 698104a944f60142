"""Which round a command means where none is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from cra_pipeline.cli.choose import chosen_round
from cra_pipeline.cli.status import rounds_of, status
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.stage import read_rounds
from cra_pipeline.definitions.partitions import opened_rounds
from cra_pipeline.errors import RoundError


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A workspace in its ninety-ninth and hundredth round."""
    monkeypatch.setenv("CRA_PIPELINE_HOME", str(tmp_path))
    layout = Layout(tmp_path)
    layout.rounds.mkdir(parents=True)
    for name, repos in (("r100", ("till",)), ("r99", ("svcs", "till"))):
        pins = tuple((repo, "1" * 40) for repo in repos)
        record = RoundRecord(round=name, cut_off=1, pins=pins, held_out=())
        (layout.rounds / f"{name}.json").write_text(record.canonical_json())
    return layout


def test_the_newest_round_by_number_is_meant(layout: Layout) -> None:
    assert chosen_round(layout, "attempts", "till", None) == "r100"
    assert chosen_round(layout, "attempts", "svcs", None) == "r99"


def test_a_refusal_names_the_rounds_in_their_order(layout: Layout) -> None:
    with pytest.raises(RoundError, match="opened are r99, r100;"):
        chosen_round(layout, "attempts", "till", "r01")


def test_partitions_and_status_list_rounds_in_their_order(layout: Layout) -> None:
    assert opened_rounds() == ["r99", "r100"]
    assert rounds_of(read_rounds(layout), "till") == ["r99", "r100"]


def test_the_status_tells_once_what_was_dropped_before_any_round(layout: Layout) -> None:
    record = RoundRecord(round="r101", cut_off=2, pins=(("svcs", "2" * 40),), held_out=())
    (layout.rounds / "r101.json").write_text(record.canonical_json())
    table = layout.table("tasks", "svcs")
    table.parent.mkdir(parents=True)
    parquet.write_table(pa.table({"reason": ["gold_fails", ""]}), table)

    output = CliRunner().invoke(status, ["--repo", "svcs"]).output

    assert "r99" in output
    assert "r101" in output
    assert output.count("svcs tasks, dropped: gold_fails 1") == 1
