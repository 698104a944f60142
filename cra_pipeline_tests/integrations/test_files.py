"""Files, tables, journals and locks that outlive kills, full disks and each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cra_pipeline.contracts.arrow import arrow_schema
from cra_pipeline.contracts.manifests import Count
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, StoreError
from cra_pipeline.integrations.files import (
    append_journal,
    iterate_table,
    partition_lock,
    read_journal,
    read_record,
    read_table,
    rows_content_id,
    write_bytes,
    write_record,
    write_table,
)
from cra_pipeline_tests.strategies import counts

ONE, TWO = Count(label="one", count=1), Count(label="zwei", count=2)


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_a_file_is_replaced_whole_and_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_bytes(path, b"old")
    write_bytes(path, b"new")

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208  # hidden files count


# A file size limit is what a full disk looks like to one process: the write fails half-way.
LIMITED = """
import resource, signal, sys
from pathlib import Path
from cra_pipeline.contracts.manifests import Count
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.files import append_journal, write_bytes, write_table
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
path, way = Path(sys.argv[1]), sys.argv[2]
rows = [Count(label="x" * 50 + str(number * 7919), count=number) for number in range(5000)]
try:
    if way == "bytes":
        write_bytes(path, b"x" * 5000)
    elif way == "table":
        write_table(path, rows, Count)
    else:
        for row in rows:
            append_journal(path, row)
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("way", ["bytes", "table"])
def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(way: str, tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(b"old")
    done = python(LIMITED, str(path), way)

    assert f"{path}: could not be written (File too large): free disk space" in done.stdout
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["table"]  # noqa: PTH208  # hidden files count


def test_a_journal_cut_off_by_a_full_disk_keeps_its_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    done = python(LIMITED, str(path), "journal")
    torn = path.read_bytes()
    found = read_journal(path, Count)

    assert "could not be appended (File too large)" in done.stdout
    assert not torn.endswith(b"\n")
    assert [row.count for row in found] == list(range(len(found)))
    assert len(found) > 20
    assert path.read_bytes() == torn[: torn.rindex(b"\n") + 1]


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(StoreError, match="could not be"):
        write_bytes(tmp_path / "file" / "below", b"x")
    with pytest.raises(StoreError, match="could not be"):
        append_journal(tmp_path / "file" / "below", ONE)


def test_a_record_comes_back_and_a_missing_or_odd_one_says_where(tmp_path: Path) -> None:
    path = tmp_path / "count.json"
    write_record(path, ONE)

    assert read_record(path, Count) == ONE

    path.write_text('{"label": "one", "count": 1, "colour": "red"}')
    with pytest.raises(StoreError, match=r"count\.json: Count\.colour: Extra inputs"):
        read_record(path, Count)
    with pytest.raises(StoreError, match=r"none\.json: missing; run the stage"):
        read_record(tmp_path / "none.json", Count)


@settings(deadline=None)
@given(st.lists(counts, max_size=5), st.binary(max_size=20).filter(lambda tail: b"\n" not in tail))
def test_a_torn_last_line_is_forgotten_for_good(rows: list[Count], tail: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        for row in rows:
            append_journal(path, row)
        with path.open("ab") as file:
            file.write(tail)
        first = read_journal(path, Count)
        append_journal(path, ONE)

        assert list(first) == rows
        assert list(read_journal(path, Count)) == [*rows, ONE]


def test_a_damaged_line_in_the_middle_is_an_error_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append_journal(path, ONE)
    with path.open("ab") as file:
        file.write(b'{"label": "half\n')
    append_journal(path, TWO)

    with pytest.raises(StoreError, match=r"journal\.jsonl:2: .*delete the journal"):
        read_journal(path, Count)


def test_no_journal_means_no_finished_unit(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "journal.jsonl", Count) == ()


WRITES_FOR_EVER = """
import itertools, sys
from pathlib import Path
from cra_pipeline.contracts.manifests import Count
from cra_pipeline.integrations.files import append_journal, write_record
folder = Path(sys.argv[1])
print("ready", flush=True)
for number in itertools.count():
    append_journal(folder / "journal.jsonl", Count(label="x" * 3000, count=number))
    write_record(folder / "record.json", Count(label="x" * 3000, count=number))
"""


@pytest.mark.slow
def test_a_kill_tears_at_most_the_line_in_flight(tmp_path: Path) -> None:
    expected = 0
    for _ in range(3):
        run = subprocess.Popen(
            [sys.executable, "-c", WRITES_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert run.stdout is not None
        run.stdout.readline()
        while not (tmp_path / "record.json").exists():
            pass
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        found = read_journal(tmp_path / "journal.jsonl", Count)

        assert found[expected].count == 0
        assert [row.count for row in found[expected:]] == list(range(len(found) - expected))
        # The record follows its line: it has the last one's number or that of the one before.
        assert read_record(tmp_path / "record.json", Count).count in {
            row.count for row in found[-2:]
        }

        expected = len(found)
        (tmp_path / "record.json").unlink()


def test_equal_rows_give_equal_bytes_and_order_matters(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"

    assert write_table(one, [ONE, TWO], Count) == write_table(two, [ONE, TWO], Count)
    assert one.read_bytes() == two.read_bytes()
    assert rows_content_id([ONE, TWO]) != rows_content_id([TWO, ONE])


def test_a_long_table_is_streamed_in_order(tmp_path: Path) -> None:
    rows = [Count(label=str(number), count=number) for number in range(50)]
    write_table(tmp_path / "rows", rows, Count)

    assert list(iterate_table(tmp_path / "rows", Count, batch_rows=7)) == rows


def test_rows_are_passed_over_by_their_texts(tmp_path: Path) -> None:
    rows = [Count(label="ab"[number % 2], count=number) for number in range(20)]
    write_table(tmp_path / "rows", rows, Count)
    found = iterate_table(tmp_path / "rows", Count, batch_rows=7, where={"label": "b"})

    assert list(found) == rows[1::2]
    assert not list(iterate_table(tmp_path / "rows", Count, where={"label": "c"}))


def other_schema(tmp_path: Path, schema: pa.Schema, columns: dict[str, list[object]]) -> Path:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(columns, schema=schema), path)
    return path


@pytest.mark.parametrize(
    ("schema", "columns", "word"),
    [
        (pa.schema([("label", pa.string())]), {"label": ["a"]}, "count"),
        (
            pa.schema([*arrow_schema(Count), ("colour", pa.string())]),
            {"label": ["a"], "count": [1], "colour": ["red"]},
            "colour",
        ),
        (
            pa.schema([("count", pa.int64()), ("label", pa.string())]),
            {"count": [1], "label": ["a"]},
            "count, label",
        ),
        (
            pa.schema([("label", pa.string()), ("count", pa.string())]),
            {"label": ["a"], "count": ["many"]},
            "count",
        ),
        (
            pa.schema([("label", pa.string()), ("count", pa.int64())]),
            {"label": ["a"], "count": [None]},
            "count",
        ),
    ],
    ids=["column gone", "column new", "order", "type", "null"],
)
def test_another_schema_names_the_column(
    schema: pa.Schema, columns: dict[str, list[object]], word: str, tmp_path: Path
) -> None:
    path = other_schema(tmp_path, schema, columns)

    with pytest.raises(StoreError, match=rf"rows\.parquet: .*{word}"):
        read_table(path, Count)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table at all"])
def test_a_damaged_table_says_what_to_do(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"no Parquet table .*delete it and run again"):
        read_table(path, Count)


def test_a_table_cut_short_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_table(path, [ONE] * 1000, Count)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(StoreError, match="no Parquet table"):
        read_table(path, Count)


def test_a_missing_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing; run the stage"):
        read_table(tmp_path / "rows.parquet", Count)


def test_two_runs_cannot_hold_one_partition(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with partition_lock(layout, "attempts", "attrs|r01"):
        with (
            pytest.raises(BusyError, match=r"attempts of attrs\|r01 .*wait for it"),
            partition_lock(layout, "attempts", "attrs|r01"),
        ):
            pass
        with partition_lock(layout, "attempts", "attrs|r02"):
            pass

    with partition_lock(layout, "attempts", "attrs|r01"):
        pass


def test_two_threads_cannot_hold_one_partition(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    refusals: list[BusyError] = []

    def second() -> None:
        try:
            with partition_lock(layout, "tasks", "attrs"):
                pass
        except BusyError as error:
            refusals.append(error)

    with partition_lock(layout, "tasks", "attrs"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    assert len(refusals) == 1


HOLDS = """
import sys, time
from pathlib import Path
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import partition_lock
with partition_lock(Layout(Path(sys.argv[1])), "tasks", "attrs"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_killed_holder_gives_the_partition_back(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "held\n"
    with pytest.raises(BusyError), partition_lock(Layout(tmp_path), "tasks", "attrs"):
        pass
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()

    with partition_lock(Layout(tmp_path), "tasks", "attrs"):
        pass
