"""A pipeline that is killed leaves nothing behind: no process, no mount, no file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from cra_pipeline.integrations.sandbox.usage import measure

if TYPE_CHECKING:
    from cra_pipeline_tests.integrations.sandbox.conftest import Host

_PROJECT = Path(__file__).parents[3]
# Forks one pipeline per line read, because importing takes longer than a kill.
_PIPELINES = """
import os, signal, sys
from pathlib import Path
from cra_pipeline.contracts.sandbox import SandboxRequest
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
tree, mark = Path(sys.argv[1]), sys.argv[2]
code = 'for n in 1 2 3 4; do (setsid sleep 300 &); done; exec sleep 300'
sandbox = BubblewrapSandbox()
for line in sys.stdin:
    if os.fork() == 0:
        if line == 'warm\\n':
            sandbox.run(SandboxRequest(argv=('/usr/bin/true',), tree=tree))
        print(os.getpid(), flush=True)
        sandbox.run(SandboxRequest(argv=('/bin/sh', '-c', code, mark), tree=tree))
    os.wait()
"""


def _left(mark: str, sessions: set[int]) -> list[str]:
    """Processes that a killed pipeline started, by a word of theirs or by their session."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        try:
            ours = mark in words or os.getsid(process.pid) in sessions
        except ProcessLookupError:
            continue
        if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(words)[:80])
    return found


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_nothing(host: Host) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    files = sorted(host.tree.parent.rglob("*"))
    draws = random.Random(0)  # noqa: S311  # moments, not secrets
    mark = f"killed-{host.tree.name}"
    descendants: set[int] = set()
    command = [*host.become, sys.executable, "-c", _PIPELINES, str(host.tree), mark]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_PROJECT
    ) as pipelines:
        assert pipelines.stdin is not None
        assert pipelines.stdout is not None
        for number in range(20):
            # A cold one is hit while the nursery starts, a warm one while the sandbox does.
            pipelines.stdin.write("cold\n" if number % 4 == 0 else "warm\n")
            pipelines.stdin.flush()
            pipeline = int(pipelines.stdout.readline())
            time.sleep(draws.uniform(0.002, 0.05))
            descendants |= set(measure(pipeline).processes)
            os.kill(pipeline, signal.SIGKILL)
        pipelines.stdin.close()
    deadline = time.monotonic() + 5
    while _left(mark, descendants) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert len(descendants) > 40
    assert _left(mark, descendants) == []
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert sorted(host.tree.parent.rglob("*")) == files


def test_a_nursery_that_was_killed_is_replaced(host: Host) -> None:
    assert host.run("print(1)").stdout == "1\n"
    for child in psutil.Process().children():
        if "nursery" in " ".join(child.cmdline()) or "marshal" in " ".join(child.cmdline()):
            child.kill()
            child.wait()

    assert host.run("print(2)").stdout == "2\n"
