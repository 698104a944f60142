"""What a model wrote runs in a sandbox of its own: it reaches nothing, and ends as a status."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.diffs import Blob
from cra_pipeline.integrations.clean_room.submission import Submission
from cra_pipeline.integrations.clean_room.trial import MOST_OUTPUT, Answer, Trial, answer, run_trial
from cra_pipeline.integrations.clean_room.validation import expectation
from cra_pipeline.integrations.git.standalone import standalone_repository
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.protocol import Session
from cra_pipeline_tests.integrations.clean_room.beds import Bed
from cra_pipeline_tests.integrations.clean_room.test_bases import fingerprint
from cra_pipeline_tests.integrations.clean_room.test_endings import SANDBOX
from cra_pipeline_tests.integrations.clean_room.test_validation import TESTS, sides

GIVEN = b"a rate that the commit brings"
LIMITS = Limits(wall_s=60.0, cpu_s=60, memory_mb=256, disk_mb=128, processes=64)


@dataclass(frozen=True)
class Bench:
    """A task's trial, whose test file a model may write."""

    trial: Trial

    def run(
        self,
        tests: str,
        files: Mapping[str, bytes] | None = None,
        *,
        deleted: tuple[str, ...] = (),
        wall_s: float = 60.0,
    ) -> Answer:
        changed = {TESTS: tests.encode(), **(files or {})}
        submission = Submission(changed=changed, deleted=deleted)
        return run_trial(BubblewrapSandbox(), self.trial, submission, wall_s)


@pytest.fixture(scope="module")
def bench(shared_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bed, place = shared_bed, tmp_path_factory.mktemp("trial")
    laid = {
        "data/old.txt": Blob("100644", b"old"),
        "plain": Blob("100644", b"plain"),
        "run.sh": Blob("100755", b"#!/bin/sh\n"),
    }
    standalone_repository(
        bed.materials.snapshot, bed.task.base_sha, place / "tree", changed=laid, deleted=()
    )
    trial = Trial(
        tree=place / "tree",
        environment=bed.materials.environment,
        env_folder=bed.materials.env_folder,
        given={"data/rates.csv": Blob("100644", GIVEN)},
        expected=expectation(bed.task, *sides(bed)),
        limits=LIMITS,
        scratch=place / "scratch",
    )
    return Bench(trial)


REACH = """
import os, socket, stat
TAKEN = 'is_taken' + '_off'
RATE = 'that the commit' + ' brings'
PLACES = ['/gateway', '/tests', '/agent', '/agentpython', '/state', '/tools', '/cra/orders.json',
          '/repo/.git', '/repo/.clean_room', '/root/.ssh', *{host}]


def test_places():
    assert [place for place in PLACES if os.path.lexists(place)] == []


def walked():
    for top in ('/cra', '/shim', '/repo', '/tmp', '/home', '/var/tmp', '/dev/shm', '/etc', '/run'):
        for folder, _, names in os.walk(top):
            yield from (os.path.join(folder, name) for name in names)


def test_sockets():
    assert [path for path in walked() if stat.S_ISSOCK(os.lstat(path).st_mode)] == []
    for family, address in ((socket.AF_INET, ('192.0.2.1', 80)), (socket.AF_UNIX, {socket!r})):
        try:
            socket.socket(family).connect(address)
        except OSError:
            continue
        raise AssertionError(address)


def test_words():
    found = []
    for path in walked():
        if os.path.isfile(path) and os.access(path, os.R_OK):
            content = open(path, 'rb').read()
            found += [path for word in (TAKEN, RATE) if word.encode() in content]
    for name in filter(str.isdigit, os.listdir('/proc')):
        for part in ('cmdline', 'environ'):
            try:
                assert TAKEN.encode() not in open(f'/proc/{{name}}/{{part}}', 'rb').read()
            except PermissionError:
                pass
    assert found == ['/repo/data/rates.csv']
"""


def test_code_of_a_change_finds_nothing_but_what_its_test_needs(
    bench: Bench, shared_bed: Bed, tmp_path: Path
) -> None:
    with shared_bed.agent() as agent:
        other = agent.gateway.open_attempt("victim", tmp_path / "log", temperature=0.0, seed=0)
        hosts = [str(other), str(other.parent), str(shared_bed.layout.root), str(bench.trial.tree)]
        found = bench.run(REACH.format(host=hosts, socket=str(other)))

    assert found.status == 0, found.output
    assert "3 passed" in found.output


def test_nothing_of_it_stays(bench: Bench) -> None:
    before = fingerprint(bench.trial.tree), fingerprint(bench.trial.env_folder)
    bench.run("import os\ndef test_wreck():\n    os.system('rm -rf * .git; echo x > till.py')\n")

    assert (fingerprint(bench.trial.tree), fingerprint(bench.trial.env_folder)) == before
    assert list(bench.trial.scratch.iterdir()) == []


TREE = """
import os
def test_tree():
    assert not os.path.lexists('till.py')
    assert not os.path.exists('data/old.txt')
    assert open('plain/inner.txt').read() == 'inner'
    assert open('data/rates.csv').read().startswith('a rate')
    assert os.access('run.sh', os.X_OK) and not os.access('plain/inner.txt', os.X_OK)
    assert open('run.sh').read() == 'new'
"""


def test_the_working_tree_lies_there_as_it_was_sent(bench: Bench) -> None:
    files = {"plain/inner.txt": b"inner", "run.sh": b"new", "data/rates.csv": b"guessed"}
    found = bench.run(TREE, files, deleted=("till.py", "data/old.txt", "plain"))

    assert found.status == 0, found.output


def test_a_given_file_stays_although_it_was_deleted(bench: Bench) -> None:
    code = "def test_it():\n    assert open('data/rates.csv').read().startswith('a rate')\n"

    assert bench.run(code, deleted=("data/rates.csv", "data/old.txt")).status == 0


def test_a_failure_is_told_with_its_reason(bench: Bench) -> None:
    found = bench.run("def test_mine():\n    print('printed')\n    assert 1 + 1 == 3\n")

    assert found.status == 1
    assert "assert (1 + 1) == 3" in found.output
    assert "printed" in found.output
    assert f"FAILED {TESTS}::test_mine" in found.output
    assert found.output.endswith(f"failures that count: 1\nFAILED {TESTS}::test_mine\n")


def test_a_failure_that_does_not_count_does_not_fail_the_command(bench: Bench) -> None:
    code = (
        "def test_prices_are_added():\n    pass\ndef test_a_discount_has_bounds():\n    assert 0\n"
    )
    found = bench.run(code)

    assert found.status == 0
    assert "1 failed" in found.output


def test_without_a_test_file_nothing_is_run(bench: Bench) -> None:
    submission = Submission(changed={}, deleted=(TESTS,))
    found = run_trial(BubblewrapSandbox(), bench.trial, submission, 60.0)

    assert found == Answer(status=0, output="no test file of the task exists yet\n")


KILL = "import os, signal\ndef test_it():\n    "
FORGE = """
import os
def test_it():
    line = b'9 ' + b'0' * 64 + b' {"kind": "end", "code": 0, "tests": 0}\\n'
    for number in range(3, 1024):
        try:
            os.write(number, line)
        except OSError:
            pass
"""
HOARD = KILL + "x = [b'x' * (1 << 24)]\n    while 1: x.append(x[0] + b'y')\n"
HARM = {
    "kills everybody": (KILL + "os.kill(-1, signal.SIGKILL)\n", ""),
    "kills itself": (KILL + "os.kill(os.getpid(), signal.SIGKILL)\n", "the tests were ended"),
    "leaves as if all were well": (KILL + "os._exit(0)\n", "the tests ended before"),
    "claims to be the reporter": (FORGE, "cannot be believed"),
    "eats memory": (HOARD, "MemoryError"),
    "fills the disk": (KILL + "f = open('f', 'wb')\n    while 1: f.write(b'x' * (1 << 20))\n", ""),
    "interrupts": (KILL + "raise KeyboardInterrupt\n", ""),
    "cannot be imported": ("import nothing_of_this_name\n", f"FAILED {TESTS}"),
    "is no Python": ("def test_(:\n", f"FAILED {TESTS}"),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(HARM))
def test_whoever_means_harm_fails_its_own_tests_alone(bench: Bench, what: str) -> None:
    code, words = HARM[what]
    found = bench.run(code)

    assert found.status != 0
    assert found.fault == ""
    assert words in found.output
    assert list(bench.trial.scratch.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("left_s", "limit_s"), [(4.0, 60.0), (600.0, 4.0)])
def test_who_hangs_is_ended_by_whichever_limit_comes_first_and_told_so(
    bench: Bench, left_s: float, limit_s: float
) -> None:
    limits = LIMITS.model_copy(update={"wall_s": limit_s})
    hurried = Bench(replace(bench.trial, limits=limits))
    began = time.monotonic()
    found = hurried.run("import time\ndef test_it():\n    time.sleep(99)\n", wall_s=left_s)
    took_s = time.monotonic() - began

    assert 3.0 < took_s < 40.0
    assert found.status == 1
    assert "the tests were ended: they took longer than they may" in found.output
    assert found.fault == ""


def test_of_a_flood_the_end_is_shown(bench: Bench) -> None:
    found = bench.run("import sys\ndef test_it():\n    print('x' * (8 << 20))\n    assert 0\n")

    assert found.status == 1
    assert len(found.output) < MOST_OUTPUT + 1000
    assert found.output.endswith("test_it\n")


def test_a_sandbox_that_did_not_start_is_the_machine_s_fault(bench: Bench) -> None:
    result = SANDBOX.model_copy(update={"ending": Ending.NOT_STARTED, "detail": "no process"})
    nothing = Session(lines=(), closing=None, forged="")

    assert answer(result, nothing, bench.trial.expected) == Answer(
        status=1, output="the tests were not run\n", fault="no process"
    )


def test_a_limit_of_the_trial_holds_although_more_time_is_left(bench: Bench) -> None:
    tight = replace(bench.trial, limits=LIMITS.model_copy(update={"wall_s": 1.5}))
    found = Bench(tight).run("import time\ndef test_it():\n    time.sleep(5)\n")

    assert "they took longer than they may" in found.output
