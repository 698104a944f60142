"""Usage is counted over a whole family of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from cra_pipeline.integrations.sandbox.usage import fair_memory, measure, process_id

_FAMILY = """
import os, sys
memory = bytearray(64 << 20)
reader, writer = os.pipe()
for number in range(2):
    if os.fork() == 0:
        # What a fork leaves untouched it shares with its parent.
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
print('ready', flush=True)
sys.stdin.read()
"""


def test_shared_pages_count_once_when_it_matters() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as family:
        assert family.stdout is not None
        family.stdout.readline()
        time.sleep(0.1)
        usage = measure(family.pid)
        fair = fair_memory(usage.processes)
        family.kill()

    assert len(usage.processes) == 3
    assert usage.memory > 150 << 20
    assert 60 << 20 < fair < 120 << 20
    assert usage.cpu_s < 30


def test_what_has_ended_uses_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    descriptor = os.pidfd_open(child.pid)
    child.wait()
    try:
        assert process_id(descriptor) == -1
        assert measure(-1).processes == ()
    finally:
        os.close(descriptor)
