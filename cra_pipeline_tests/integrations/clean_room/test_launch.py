"""One run of a program: what it sees, and what comes back whatever it does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.clean_room import launch
from cra_pipeline.integrations.clean_room.launch import Job, Left, require_exit, run_program
from cra_pipeline.integrations.git.standalone import standalone_repository
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline_tests.histories import Upstream
from cra_pipeline_tests.integrations.clean_room.beds import program_of

LIMITS = Limits(wall_s=60.0, cpu_s=60, memory_mb=512, disk_mb=64, processes=64)
COMMIT = "import subprocess, pathlib\ndef git(*a): subprocess.run(['git', *a], check=True)\n"


class Runs:
    """Runs code as the agent's, in one small repository."""

    def __init__(self, place: Path) -> None:
        upstream = Upstream(place / "upstream")
        sha = upstream.commit({"a.py": "x = 1\n", "sub/b.py": "y = 1\n"})
        snapshot = upstream.bare(place / "snapshot.git")
        self.tree = place / "tree"
        self.head = standalone_repository(snapshot, sha, self.tree, changed={}, deleted=())
        self.place = place
        self.scratch = Layout(place).scratch

    def run(self, code: str, *, task: str = "task", **changes: object) -> Left:
        program = program_of(self.place / "program", code)
        told: dict[str, object] = {
            "arguments": ("solve", task),
            "tree": self.tree,
            "base": self.head,
            "state": {"config.toml": b"x = 1\n"},
            "timeout_s": 30.0,
            "limits": LIMITS,
        }
        job = Job(**told | changes)  # type: ignore[arg-type]  # fields by name
        return run_program(BubblewrapSandbox(), self.scratch, program, job)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("launch"))


def test_output_status_and_arguments_come_back(runs: Runs) -> None:
    left = runs.run("print(task)\nsys.exit(3)", task="Ärger: 'quoted'\nand more")

    assert (left.ending, left.exit_code) == ("exited", 3)
    assert left.output.strip() == "Ärger: 'quoted'\nand more"


def test_the_environment_is_the_one_that_the_agent_needs(runs: Runs) -> None:
    left = runs.run("import os, json\nprint(json.dumps(dict(os.environ)))")

    for words in (
        '"PYTHONHASHSEED": "0"',
        '"PYTHONDONTWRITEBYTECODE": "1"',
        "/cra/certificate.pem",
    ):
        assert words in left.output
    for words in ("CRA_CHANNEL_FD", "PYTHONPATH", "CRA_PIPELINE", str(runs.place), "/root"):
        assert words not in left.output


def test_state_is_in_place_and_what_was_not_given_is_not(runs: Runs) -> None:
    left = runs.run("import os\nprint(sorted(os.listdir('.clean_room')), os.listdir('/'))")

    assert "['config.toml']" in left.output
    assert "gateway" not in left.output
    assert "env" not in left.output


def test_only_what_is_committed_on_the_branch_counts(runs: Runs) -> None:
    left = runs.run(
        COMMIT + "pathlib.Path('a.py').write_text('x = 2\\n')\n"
        "pathlib.Path('new file:(x).py').write_bytes(b'\\xff\\0')\n"
        "git('rm', '-q', 'sub/b.py')\ngit('add', '-A')\ngit('commit', '-qm', 'work')\n"
        "pathlib.Path('a.py').write_text('x = 3\\n')\n"
    )

    assert dict(left.changed) == {"a.py": b"x = 2\n", "new file:(x).py": b"\xff\0"}
    assert left.deleted == ("sub/b.py",)
    assert (runs.tree / "a.py").read_text() == "x = 1\n"


def test_names_that_git_would_read_as_patterns_are_names(runs: Runs) -> None:
    left = runs.run(
        COMMIT
        + "pathlib.Path(':(glob)*').write_text('1')\npathlib.Path('[a].py').write_text('2')\n"
        "git('--literal-pathspecs', 'add', ':(glob)*', '[a].py')\ngit('commit', '-qm', 'work')\n"
    )

    assert dict(left.changed) == {":(glob)*": b"1", "[a].py": b"2"}


def test_a_path_that_is_no_text_makes_the_result_unusable(runs: Runs) -> None:
    left = runs.run(
        COMMIT + "import os\nos.close(os.open(b'\\xff.py', os.O_CREAT))\n"
        "git('add', '-A')\ngit('commit', '-qm', 'work')\n"
    )

    assert left.ending == ""
    assert dict(left.changed) == {}
    assert "UnicodeDecodeError" in left.output


def test_a_write_ahead_log_is_folded_in(runs: Runs) -> None:
    left = runs.run(
        "import sqlite3, os\nc = sqlite3.connect('.clean_room/raw.sqlite')\n"
        "c.execute('PRAGMA journal_mode=WAL')\nc.execute('CREATE TABLE t (x)')\n"
        "c.execute('INSERT INTO t VALUES (7)')\nc.commit()\nos._exit(0)\n"
    )

    assert b"CREATE TABLE t" in left.databases["raw.sqlite"]


def test_past_its_time_it_is_asked_to_end_and_may_clean_up(runs: Runs) -> None:
    left = runs.run(
        COMMIT + "import time\ntry:\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('cleaning')\n    sys.exit(1)\n",
        timeout_s=0.5,
    )

    assert (left.ending, left.exit_code) == ("interrupted", 1)
    assert "cleaning" in left.output


def test_who_does_not_end_is_killed(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "GRACE_S", 0.5)
    left = runs.run(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "print('on', flush=True)\ntime.sleep(60)",
        timeout_s=0.5,
    )

    assert (left.ending, left.exit_code) == ("killed", -9)
    assert left.output.strip() == "on"
    assert left.sandbox.wall_s < 15


def test_where_the_sandbox_sends_nothing_its_last_words_are_kept(runs: Runs) -> None:
    left = runs.run("pass", state={"config.toml": b"", "nowhere/x": b""})

    assert left.ending == ""
    assert "FileNotFoundError" in left.output
    assert left.sandbox.ending is Ending.EXITED


def test_a_preparing_step_must_end_well(runs: Runs) -> None:
    require_exit(runs.run("pass"), "indexing")
    with pytest.raises(AgentError, match=r"indexing ended with status 4 \(exited\): one / two"):
        require_exit(runs.run("print('one\\n\\ntwo')\nsys.exit(4)"), "indexing")
    with pytest.raises(AgentError, match=r"without raw.sqlite"):
        require_exit(runs.run("pass"), "indexing", ("raw.sqlite",))


def test_nothing_is_left_in_the_scratch_folder(runs: Runs) -> None:
    runs.run("pass")

    assert list(runs.scratch.iterdir()) == []


def test_the_interpreter_is_the_program_s_own(runs: Runs) -> None:
    left = runs.run("print(sys.version_info[:2], sys.prefix, sys.path[0])")

    assert f"({sys.version_info[0]}, {sys.version_info[1]}) /agentpython /agent/0" in left.output
