"""Every shape survives its way through JSON and Parquet, and keeps to its golden file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cra_pipeline.contracts.arrow import arrow_schema
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.tasks import AttemptRow, TaskRow
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.integrations.files import read_record, read_table, rows_content_id, write_table
from cra_pipeline_tests.contracts.regenerate import GOLDEN, all_records, example
from cra_pipeline_tests.strategies import OF

ROWS = (
    CommitRow,
    EnvironmentRow,
    RepoSnapshot,
    TaskRow,
    AttemptRow,
    TripleRow,
    PreferencePair,
)
RECORDS = sorted(all_records().values(), key=lambda record: record.__name__)
by_record = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
by_row = pytest.mark.parametrize("record", ROWS, ids=lambda record: record.__name__)


@by_record
def test_every_record_has_a_strategy(record: type[Record]) -> None:
    assert record in OF, f"add {record.__name__} to cra_pipeline_tests/strategies.py"


@by_record
def test_golden_files_are_still_read_and_written_alike(record: type[Record]) -> None:
    path = GOLDEN / f"{record.__name__}.json"
    assert path.exists(), "run `python -m cra_pipeline_tests.contracts.regenerate`"
    found = read_record(path, record)
    text = json.dumps(
        json.loads(found.canonical_json()), indent=1, sort_keys=True, ensure_ascii=False
    )

    assert text + "\n" == path.read_text(encoding="utf-8")
    assert found == example(record), "the shape changed: run regenerate and look at the difference"


@by_record
def test_unknown_fields_and_wrong_types_are_refused_with_the_field(record: type[Record]) -> None:
    golden = json.loads((GOLDEN / f"{record.__name__}.json").read_text(encoding="utf-8"))
    field = next(iter(record.model_fields))

    with pytest.raises(ValueError, match=rf"here: {record.__name__}\.colour"):
        record.parse_json(json.dumps(golden | {"colour": "red"}), where="here")
    with pytest.raises(ValueError, match=rf"here: {record.__name__}\.{field}"):
        record.parse_json(json.dumps(golden | {field: {"odd": []}}), where="here")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"here: RepoSnapshot\.\(document\)"):
        RepoSnapshot.parse_json(text.encode("latin-1"), where="here")


@by_record
def test_json_gives_back_what_was_written(record: type[Record]) -> None:
    @given(OF[record])
    @settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    def holds(value: Record) -> None:
        line = value.canonical_json()

        assert "\n" not in line
        assert record.parse_json(line, where="here") == value
        assert record.parse_json(line, where="here").digest() == value.digest()

    holds()


@by_row
def test_tables_give_back_what_was_written(record: type[Record], tmp_path: Path) -> None:
    @given(st.lists(OF[record], max_size=3))
    @settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    def holds(rows: list[Record]) -> None:
        path = tmp_path / "rows.parquet"
        content_id = write_table(path, rows, record)
        found = read_table(path, record)

        assert list(found) == rows
        assert rows_content_id(found) == content_id

    holds()


@by_row
def test_a_tables_columns_are_the_records_fields_in_order(record: type[Record]) -> None:
    assert arrow_schema(record).names == list(record.model_fields)


def test_a_field_that_no_column_can_hold_is_refused() -> None:
    class Odd(Record):
        mapping: dict[str, int]

    with pytest.raises(TypeError, match="no Arrow column"):
        arrow_schema(Odd)
