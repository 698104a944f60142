"""A base is made once, whole or not at all, and nothing of the future is in it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.sandbox import SandboxRequest, SandboxResult
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.diffs import Blob
from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.clean_room.bases import TaskBase, ready_base
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline_tests.conftest import LIBRARY
from cra_pipeline_tests.integrations.clean_room.beds import Bed, make_bed, program_of

NONE: frozenset[str] = frozenset()


class Counting(Sandbox):
    """The sandbox, and how often it was used."""

    def __init__(self) -> None:
        self._sandbox = BubblewrapSandbox()
        self.runs = 0
        self._lock = threading.Lock()

    def run(self, request: SandboxRequest) -> SandboxResult:
        with self._lock:
            self.runs += 1
        return self._sandbox.run(request)


def ready(bed: Bed, sandbox: Sandbox | None = None, **changed: bytes) -> TaskBase:
    files = {path.replace("__", "."): Blob("100644", text) for path, text in changed.items()}
    return ready_base(
        bed.layout, sandbox or BubblewrapSandbox(), bed.program, bed.materials, bed.task.base_sha,
        changed=files, deleted=NONE,
    )  # fmt: skip


def fingerprint(folder: Path) -> str:
    """Over names, modes and content of everything below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path.relative_to(folder)} {path.lstat().st_mode}".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def test_a_base_knows_its_head_its_symbols_and_its_files(bed: Bed) -> None:
    base = ready(bed)

    assert base.record.paths == ("tests/test_till.py", "till.py")
    symbols = base.record.symbols
    assert [(item.path, item.name, item.start_line, item.end_line) for item in symbols] == [
        ("tests/test_till.py", "test_prices_are_added", 4, 5), ("till.py", "total", 1, 2),
    ]  # fmt: skip
    assert base.record.head == bed.task.base_sha
    assert base.text("till.py") == LIBRARY["till.py"]
    assert not (base.tree / "later.py").exists()


def test_descriptions_are_in_one_form_of_the_index_alone(bed: Bed) -> None:
    base = ready(bed)
    names, described = base.state("names"), base.state("metadata")

    assert set(names) == set(described) == {"curated.sqlite", "raw.sqlite"}
    assert names["curated.sqlite"] != described["curated.sqlite"]
    assert names["raw.sqlite"] == described["raw.sqlite"]


def test_a_second_call_runs_nothing(bed: Bed) -> None:
    sandbox = Counting()
    first = ready(bed, sandbox)

    assert ready(bed, sandbox).record == first.record
    assert sandbox.runs == 1


@pytest.mark.slow
def test_what_a_base_is_made_of_decides_it(bed: Bed, tmp_path: Path) -> None:
    sandbox = Counting()
    other = bed.with_program(program_of(tmp_path / "program", "pass"))
    folders = {
        ready(bed, sandbox).folder,
        ready(bed, sandbox, till__py=b"x = 1\n").folder,
        ready(bed, sandbox, till__py=b"x = 2\n").folder,
        ready(other, sandbox).folder,
    }

    assert len(folders) == 4
    assert sandbox.runs == 4


def test_threads_share_one_base(bed: Bed) -> None:
    sandbox = Counting()
    with ThreadPoolExecutor(4) as pool:
        bases = list(pool.map(lambda _: ready(bed, sandbox), range(4)))

    assert sandbox.runs == 1
    assert len({base.folder for base in bases}) == 1


def test_half_a_base_is_made_anew(bed: Bed) -> None:
    sandbox = Counting()
    base = ready(bed, sandbox)
    whole = fingerprint(base.tree)
    (base.folder / "base.json").unlink()
    (base.tree / "till.py").write_text("half")
    (base.folder / ".part-1-left").mkdir()

    again = ready(bed, sandbox)
    assert sandbox.runs == 2
    assert again.record == base.record
    assert again.text("till.py") == LIBRARY["till.py"]
    assert sorted(path.name for path in base.folder.iterdir()) == [
        "base.json", "curated-metadata.sqlite", "curated-names.sqlite", "raw.sqlite", "tree",
    ]  # fmt: skip
    assert len(whole) == 64


KILLED = """
import pathlib, sys
from cra_pipeline_tests.integrations.clean_room.beds import make_bed
from cra_pipeline_tests.integrations.clean_room.test_bases import ready
bed = make_bed(pathlib.Path(sys.argv[1]), pathlib.Path("/nowhere"))
print("ready", flush=True)
ready(bed)
print("done", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.01, 0.1, 0.2, 0.3, 0.45])
def test_a_kill_at_any_moment_leaves_a_whole_base_or_none(tmp_path: Path, after_s: float) -> None:
    place = tmp_path / "killed"
    place.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(place)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
    bed = _again(place, tmp_path)

    assert ready(bed).record.paths == ("tests/test_till.py", "till.py")
    stamps = list((bed.layout.root / "agent_bases").glob("*/base.json"))
    assert len(stamps) == 1


def _again(place: Path, tmp_path: Path) -> Bed:
    """The killed process's task: histories repeat, so its ids do."""
    fresh = make_bed(tmp_path / "again", Path("/nowhere"))
    return replace(fresh, layout=replace(fresh.layout, root=place / "home"))


def test_files_that_end_the_indexer_are_left_out(tmp_path: Path) -> None:
    start = {**LIBRARY, "fast.c": "int x;\n", "fast.h": "", "odd.py": "def broken(:\n"}
    base = ready(make_bed(tmp_path, Path("/nowhere"), start=start))

    assert not (base.tree / "fast.c").exists()
    assert not (base.tree / "fast.h").exists()
    assert "odd.py" in base.record.paths


BAD_INDEX = {
    "ends with an error": ("sys.exit('no grammar for c')", "no grammar for c"),
    "leaves nothing": ("pass", "without curated.sqlite, raw.sqlite"),
    "names a file outside": ("{honest}\n{sql}('../../etc/passwd')", "no file of the tree"),
    "names a file that is not there": ("{honest}\n{sql}('nowhere.py')", "no file of the tree"),
    "leaves a view": ("{honest}\nrun('CREATE VIEW v AS SELECT 1')", "without curated.sqlite"),
    "leaves another schema": ("{honest}\nrun('DROP TABLE file_metadata')", "another schema"),
    "leaves symbols of another type": (
        "{honest}\nrun('UPDATE symbols SET name = ?', b'7')", "another schema",
    ),
}  # fmt: skip
_HONEST = """
import runpy, sqlite3
runpy.run_module('stand_in', run_name='__main__', alter_sys=True)
def run(sql, *values):
    with sqlite3.connect('.clean_room/curated.sqlite') as c:
        c.execute(sql, values)
"""
_SQL = "(lambda path: run('UPDATE files SET path = ? WHERE id = 1', path))"


@pytest.mark.parametrize("what", sorted(BAD_INDEX))
def test_an_index_that_cannot_be_used_is_an_outcome(bed: Bed, tmp_path: Path, what: str) -> None:
    code, words = BAD_INDEX[what]
    indexing = code.format(honest=_HONEST, sql=_SQL)
    program = program_of(tmp_path / "program", "pass", indexing=indexing)
    with pytest.raises(AgentError, match=words):
        ready(bed.with_program(program))

    run = bed.with_program(program).attempt()
    assert (run.outcome, run.reason) == (Outcome.AGENT_ERROR, "index_failed")
    assert not list((bed.layout.root / "agent_bases").glob("*/base.json"))


def test_links_inside_the_tree_are_followed_as_the_agent_does(tmp_path: Path) -> None:
    bed = make_bed(tmp_path, Path("/nowhere"))
    indexing = _HONEST + f"{_SQL}('linked.py')"
    bed = bed.with_program(program_of(tmp_path / "program", "pass", indexing=indexing))
    files = {"linked.py": Blob("120000", b"till.py"), "out.py": Blob("120000", b"/etc/passwd")}
    base = ready_base(
        bed.layout, BubblewrapSandbox(), bed.program, bed.materials, bed.task.base_sha,
        changed=files, deleted=NONE,
    )  # fmt: skip

    assert base.text("linked.py") == LIBRARY["till.py"]
    assert (base.tree / "out.py").read_text() == "/etc/passwd"
    assert not (base.tree / "out.py").is_symlink()
