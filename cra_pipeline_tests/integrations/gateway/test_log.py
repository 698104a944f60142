"""The request log outlives its writer, and its reader says what was torn."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.gateway.log import CallLog, read_calls
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.strategies import call_records

WRITER = """
import sys
from pathlib import Path
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.integrations.gateway.log import CallLog
from cra_pipeline_tests.contracts.regenerate import example
record = example(CallRecord).model_copy(update={"prompt": "x" * 200_000})
log = CallLog(Path(sys.argv[1]))
for number in range(10_000):
    log.append(record.model_copy(update={"number": number}))
    print(number, flush=True)
"""


def record(**changed: object) -> CallRecord:
    made = example(CallRecord)
    assert isinstance(made, CallRecord)
    return made.model_copy(update=changed)


@given(st.lists(call_records, max_size=4))
def test_what_is_appended_is_read_back(records: list[CallRecord]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = CallLog(Path(folder) / "deep" / "calls.jsonl")
        for row in records:
            log.append(row)
        log.close()
        calls = read_calls(log.path)

    assert calls.records == tuple(records)
    assert calls.torn == 0


@given(st.lists(call_records, min_size=1, max_size=3), st.data())
def test_a_log_cut_anywhere_gives_its_whole_lines_and_can_go_on(
    records: list[CallRecord], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = CallLog(Path(folder) / "calls.jsonl")
        for row in records:
            log.append(row)
        log.close()
        content = log.path.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        log.path.write_bytes(content[:cut])
        whole = content[:cut].count(b"\n")
        calls = read_calls(log.path)
        again = CallLog(log.path, resume=True)
        lines = again.lines
        again.append(records[0])
        again.close()
        resumed = read_calls(log.path)

    assert calls.records == tuple(records[:whole])
    assert calls.torn == cut - (content[:cut].rfind(b"\n") + 1)
    assert lines == whole
    assert resumed.records == (*records[:whole], records[0])


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 3, 20])
def test_a_killed_writer_tears_its_last_line_at_most(after: int, tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == after:
                break
        time.sleep(0.0007 * after)
        writer.send_signal(signal.SIGKILL)
        told = [after, *map(int, writer.stdout)]
    calls = read_calls(path)

    assert [row.number for row in calls.records][: told[-1] + 1] == list(range(told[-1] + 1))
    assert len(calls.records) <= told[-1] + 2


def test_a_log_that_holds_something_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_bytes(b"{}\n")

    with pytest.raises(StoreError, match="earlier attempt"):
        CallLog(path)
    assert path.read_bytes() == b"{}\n"


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    log = CallLog(path)
    log.append(record())
    log.close()
    path.write_bytes(b"{}\n" + path.read_bytes())

    with pytest.raises(StoreError, match=r"calls\.jsonl:1: CallRecord"):
        read_calls(path)


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_a_log_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(StoreError, match="no request log"):
        read_calls(tmp_path / name)


def test_a_line_that_did_not_fit_on_the_disk_is_taken_back(tmp_path: Path) -> None:
    log = CallLog(tmp_path / "calls.jsonl")
    log.append(record(number=0))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size + 100, before[1]))
    try:
        with pytest.raises(StoreError, match="could not be written"):
            log.append(record(number=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    log.append(record(number=2))
    log.close()

    assert [row.number for row in read_calls(log.path).records] == [0, 2]


def test_a_folder_that_is_closed_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="could not be written"):
        CallLog(tmp_path / "file" / "calls.jsonl")


def test_a_line_is_one_write_at_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    log = CallLog(path)
    with path.open("ab") as other:
        log.append(record(prompt="line\nbreak\u2028\x85"))
        other.write(path.read_bytes())
    log.append(record())
    log.close()

    assert len(read_calls(path).records) == 3
    assert os.get_inheritable(CallLog(tmp_path / "second")._file) is False
