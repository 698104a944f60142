"""Greedy code: each bomb ends at its limit, and nothing of it is left."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox

if TYPE_CHECKING:
    from cra_pipeline_tests.integrations.sandbox.conftest import Host


def survivors(mark: str) -> list[int]:
    """Processes of this machine with a word in their command line."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if mark in (process.info["cmdline"] or [])
    ]


_SIGNAL_PROOF = """
import signal, time
for number in set(signal.Signals) - {9, 19}: signal.signal(number, signal.SIG_IGN)
while True: time.sleep(1)
"""
_PROCESSOR = """
import os
for number in range(3): os.fork()
while True: pass
"""
_MEMORY = """
import os, time
for number in range(3): os.fork()
memory = bytearray(60 << 20)
time.sleep(15)
"""
# It hides its maps from the one who measures.
_HIDDEN_MEMORY = "import ctypes; ctypes.CDLL(None).prctl(4, 0)\n" + _MEMORY
_CHANNEL = "import os\nwhile True: os.write(3, bytes(65536))"
_DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(60)
    os._exit(0)
print('done')
"""
_HOLDER = "import os, time\nif os.fork() == 0: time.sleep(60)\nprint('done')"
_FORKS = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0: time.sleep(60)
        count += 1
except OSError as error: print(count, error.errno)
"""
_DISK = """
total = 0
for place in ('/repo', '/tmp', '/var/tmp', '/home/sandbox', '/dev/shm', '/dev', '/', '/etc',
              '/python', '/home', '/var', '/run'):
    try:
        with open(place + '/big', 'wb', buffering=0) as file:
            while True: total += file.write(bytes(1 << 20))
    except OSError: pass
print(total >> 20)
"""
_INODES = """
total = 0
for place in ('/repo', '/tmp', '/var/tmp', '/home/sandbox', '/dev/shm', '/dev', '/', '/home'):
    try:
        while True: open(f'{place}/{total}', 'x').close(); total += 1
    except OSError: pass
print(total)
"""


@pytest.mark.parametrize(
    ("code", "limits", "ending"),
    [
        ("while True: pass", Limits(wall_s=0.5), Ending.TIMED_OUT),
        (_SIGNAL_PROOF, Limits(wall_s=0.5), Ending.TIMED_OUT),
        (_PROCESSOR, Limits(cpu_s=1, wall_s=20.0), Ending.TIMED_OUT),
        (_MEMORY, Limits(memory_mb=256, wall_s=20.0), Ending.OUT_OF_MEMORY),
        (_HIDDEN_MEMORY, Limits(memory_mb=256, wall_s=20.0), Ending.OUT_OF_MEMORY),
        (_CHANNEL, Limits(channel_bytes=1 << 20, wall_s=20.0), Ending.CHANNEL_FLOODED),
    ],
    ids=["loop", "signal-proof", "processor", "memory", "hidden-memory", "channel"],
)
def test_a_limit_ends_the_run_and_says_so(
    host: Host, code: str, limits: Limits, ending: Ending
) -> None:
    mark = f"survivor-{host.tree.name}"
    request = host.request(code, limits=limits)
    result = host.sandbox.run(request.model_copy(update={"argv": (*request.argv, mark)}))

    assert result.ending is ending, result
    assert result.detail
    assert len(result.channel) <= limits.channel_bytes
    assert survivors(mark) == []


def test_one_process_gets_no_more_memory_than_the_limit(host: Host) -> None:
    result = host.run("bytearray(300 << 20)", limits=Limits(memory_mb=256, wall_s=20.0))

    assert "MemoryError" in result.stderr


def test_a_fork_bomb_stops_at_its_limit(host: Host) -> None:
    result = host.run(_FORKS, limits=Limits(processes=40, wall_s=20.0))
    count, error = map(int, result.stdout.split())

    assert 35 <= count <= 40
    assert error == 11
    assert result.ending is Ending.EXITED
    assert result.wall_s < 15


def test_all_writable_places_share_one_disk(host: Host) -> None:
    result = host.run(_DISK, limits=Limits(disk_mb=16, wall_s=20.0))

    assert 12 <= int(result.stdout) <= 16, result


def test_all_writable_places_share_their_inodes(host: Host) -> None:
    result = host.run(_INODES, limits=Limits(inodes=500, wall_s=20.0))

    assert 300 <= int(result.stdout) <= 500, result


def test_of_a_flood_only_the_tail_is_kept(host: Host) -> None:
    code = "for n in range(200_000): print('x' * 90)\nprint('the end')"
    result = host.run(code, limits=Limits(output_bytes=1000, wall_s=20.0))

    assert len(result.stdout) == 1000
    assert result.stdout.endswith("x\nthe end\n")


@pytest.mark.parametrize("holder", [_DAEMON, _HOLDER], ids=["daemon", "child-with-stdout"])
def test_who_stays_behind_holds_up_nothing(host: Host, holder: str) -> None:
    mark = f"survivor-{host.tree.name}"
    request = host.request(holder)
    started = time.monotonic()
    result = host.sandbox.run(request.model_copy(update={"argv": (*request.argv, mark)}))

    assert result.stdout == "done\n"
    assert time.monotonic() - started < 10
    assert survivors(mark) == []


def test_a_command_that_kills_its_surroundings_only_ends_itself(host: Host) -> None:
    result = host.run("import os\nfor n in (1, -1):\n  os.kill(n, 9)")

    assert result.ending in {Ending.SIGNALLED, Ending.EXITED, Ending.NOT_STARTED}
    assert host.run("print(1)").stdout == "1\n"


def test_an_interrupted_watch_ends_its_run(host: Host) -> None:
    if not isinstance(host.sandbox, BubblewrapSandbox):
        pytest.skip("the interrupt would end the other process")
    mark = f"survivor-{host.tree.name}"
    request = host.request("import time; time.sleep(60)")
    previous = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            host.sandbox.run(request.model_copy(update={"argv": (*request.argv, mark)}))
    finally:
        signal.signal(signal.SIGALRM, previous)
    deadline = time.monotonic() + 5
    while survivors(mark) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert survivors(mark) == []


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt(number, frame)
