"""The agent's own test command, from where it works to the host and back."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.sandbox import Ending, SandboxRequest, SandboxResult
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline_tests.conftest import DISCOUNT
from cra_pipeline_tests.integrations.clean_room.arenas import TRY, Arena, said
from cra_pipeline_tests.integrations.clean_room.beds import PLAN, make_bed, program_of
from cra_pipeline_tests.integrations.clean_room.test_endings import SANDBOX

TEST = (
    "import subprocess\n"
    "def tested():\n"
    "    done = subprocess.run('pytest', shell=True, capture_output=True, text=True)\n"
    "    return done.returncode, done.stdout + done.stderr\n"
)
ABSENT = "['/env', '/python', '/shim', '/usr/lib/python3/dist-packages/pytest', '/tools/given']"
LOOK = TRY + (
    f"for place in {ABSENT}:\n"
    "    tried(place, lambda: os.lstat(place))\n"
    "for folder, only in [('/tools', ['bin']), ('/tests', ['socket'])]:\n"
    "    tried(folder, lambda: os.listdir(folder) != only)\n"
    "places = ['/repo', '/tools', '/cra', '/state', '/tests', '/tmp', '/home', '/var/tmp']\n"
    "for top in places:\n"
    "    for folder, _, names in os.walk(top):\n"
    "        for name in names:\n"
    "            try:\n"
    "                content = open(os.path.join(folder, name), 'rb').read()\n"
    "            except OSError:\n"
    "                continue\n"
    "            for word in [b'the rate of the commit', b'is_taken_off']:\n"
    "                tried(f'{folder}/{name}', lambda: word in content)\n"
)


def test_where_the_agent_works_lie_no_environment_no_given_file_and_no_hidden_name(
    tmp_path: Path, env_folder: Path
) -> None:
    commit = {**DISCOUNT, "rates.csv": "the rate of the commit\n"}
    code = LOOK + TEST + "tested()\n" + LOOK + "tell()"
    bed = make_bed(tmp_path, env_folder, commit=commit)
    run = bed.with_program(program_of(tmp_path / "program", code)).attempt()

    assert said(run) == "got nothing"


STATE = """
import pathlib, textwrap
git = lambda *a: subprocess.run(['git', *a], check=True)
pathlib.Path('till.py').write_text('def total(prices):\\n    return "committed"\\n')
git('add', '-A')
git('commit', '-qm', 'work')
pathlib.Path('mine.py').write_text('X = "only written"\\n')
pathlib.Path('pyproject.toml').unlink()
pathlib.Path('tests/test_till.py').write_text(textwrap.dedent('''
import os, mine, till
def test_it():
    assert till.total([]) == "committed"
    assert mine.X == "only written"
    assert not [name for name in ('pyproject.toml', '.git', '.clean_room') if os.path.exists(name)]
    os.mkdir('left')
'''))
first = tested()
pathlib.Path('mine.py').write_text('X = "broken"\\n')
second = tested()
left = os.path.exists('left')
sys.exit(f'{first[0]} {second[0]} {left} {"1 passed" in first[1]} {"mine.X ==" in second[1]}')
"""


def test_the_working_tree_is_tested_as_it_stands_and_stays_as_it_is(
    arena: Arena, tmp_path: Path
) -> None:
    run = arena.attempt(tmp_path, "import os\n" + TEST + STATE)

    assert said(run) == "0 1 False True True"


def test_another_attempt_s_desk_is_out_of_reach(arena: Arena, tmp_path: Path) -> None:
    with arena.agent._desk(None) as other:  # type: ignore[arg-type]  # it runs nothing
        code = TRY + (
            "import socket\n"
            f"tried('path', lambda: socket.socket(socket.AF_UNIX).connect({str(other.socket)!r}))\n"
            f"tried('folder', lambda: os.listdir({str(other.socket.parent)!r}))\n"
            "tell()"
        )

        assert said(arena.attempt(tmp_path, code)) == "got nothing"
        assert other._asked == 0


def test_no_thread_and_no_folder_of_an_attempt_s_desk_is_left(arena: Arena, tmp_path: Path) -> None:
    before = folders()
    arena.attempt(tmp_path, TEST + "sys.exit(str(tested()[0]))")

    assert folders() == before
    assert [each for each in threading.enumerate() if each.name.startswith("tests-desk")] == []


def folders() -> set[str]:
    """Folders of sockets that this process has made."""
    mine = Path(tempfile.gettempdir()).glob(f"cra-{os.getpid()}-*")
    return {folder.name for folder in mine}


class NoRoom(BubblewrapSandbox):
    """A machine that has room for the agent alone."""

    def run(self, request: SandboxRequest) -> SandboxResult:
        """Whatever has an environment does not start."""
        if any(bind.target == "/env" for bind in request.binds):
            return SANDBOX.model_copy(update={"ending": Ending.NOT_STARTED, "detail": "no room"})
        return super().run(request)


def test_tests_that_the_machine_could_not_run_are_not_the_agent_s_failure(
    arena: Arena, tmp_path: Path
) -> None:
    agent = replace(arena.agent, sandbox=NoRoom())
    run = agent.run(arena.bed.task, PLAN, {}, tmp_path.name)

    assert (run.outcome, run.reason) == (Outcome.SANDBOX_ERROR, "tests_not_run")
    assert run.detail == "no room"


@pytest.mark.slow
def test_a_program_that_asks_without_end_is_told_so(arena: Arena, tmp_path: Path) -> None:
    code = TEST + (
        "import socket\n"
        "def knock():\n"
        "    desk = socket.socket(socket.AF_UNIX)\n"
        "    desk.connect('/tests/socket')\n"
        "    desk.shutdown(socket.SHUT_WR)\n"
        "    return desk.recv(1000)\n"
        "for _ in range(40): words = knock()\n"
        "code, output = tested()\n"
        "sys.exit(f'{code} {words[:1]} ' + output.strip())"
    )

    assert said(arena.attempt(tmp_path, code)) == (
        "1 b'1' nothing was tested: 40 test runs are all that an attempt may have"
    )
