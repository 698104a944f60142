"""Programs that take too much: each is ended, and an honest attempt beside it goes on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cra_pipeline.contracts.agents import AgentRun
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.clean_room import launch
from cra_pipeline_tests.integrations.clean_room.arenas import COMPLETE, Arena, Hurried, said


def test_a_flood_of_output_leaves_its_end(arena: Arena, tmp_path: Path) -> None:
    code = "for n in range(30):\n    sys.stdout.write('x' * (1 << 20))\nsys.exit('\\nlast words')"

    assert said(arena.attempt(tmp_path, code)) == "last words"


LIMITS = {
    "hangs": (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(99)",
        Outcome.TIMED_OUT, "timed_out",
    ),
    "stops its parent": (
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(99)",
        Outcome.TIMED_OUT, "timed_out",
    ),
    "kills its parent": (
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(99)",
        Outcome.AGENT_ERROR, "nothing_came_back",
    ),
    "burns the processor": (
        ("import os, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "for _ in range(3): os.fork()\nwhile True: pass"),
        Outcome.TIMED_OUT, "timed_out",
    ),
    "forks": (
        ("import os, time\nwhile True:\n    try:\n        if not os.fork(): os.setsid()\n"
        "    except OSError:\n        time.sleep(0.1)"),
        Outcome.TIMED_OUT, "timed_out",
    ),
    "eats memory": (
        "held = []\nwhile True: held.append(bytes([1]) * (1 << 24))",
        Outcome.AGENT_ERROR, "exit_1",
    ),
    "shares much memory": (
        ("import mmap, os, time\nheld = mmap.mmap(-1, 200 << 20)\nheld.write(b'x' * (200 << 20))\n"
        "more = [bytes([1]) * (1 << 24) for _ in range(12)]\ntime.sleep(3)\nsys.exit(1)"),
        Outcome.AGENT_ERROR, "",
    ),
    "fills the disk": (
        ("import os\n"
        "for place in ['/repo', '/tmp', '/home/sandbox', '/dev/shm', '/var/tmp']:\n"
        "    try:\n        f = open(f'{place}/full', 'wb')\n"
        "        while True: f.write(b'x' * 65536); f.flush()\n"
        "    except OSError: pass\nos._exit(0)"),
        Outcome.AGENT_ERROR, "",
    ),
    "makes files without end": (
        ("import os\nos.mkdir('many')\ntry:\n    n = 0\n    while True:\n"
        "        open(f'many/{n}', 'w').close(); n += 1\nexcept OSError: os._exit(0)"),
        Outcome.AGENT_ERROR, "no_raw_db",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", sorted(LIMITS))
def test_who_takes_too_much_is_ended_and_an_honest_attempt_goes_on(
    arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(launch, "GRACE_S", 1.0)
    code, outcome, reason = LIMITS[what]
    with ThreadPoolExecutor(2) as pool:
        harm = pool.submit(arena.attempt, tmp_path, code, Hurried)
        honest = arena.honest(f"honest-{tmp_path.name}")
        run = harm.result()

    assert run.outcome is outcome
    assert run.reason == reason or not reason
    assert (honest.reproduced, honest.usable) == (True, True)
    assert _left_running() == []


def _left_running() -> list[str]:
    """Command lines on the host that an attempt has started."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes()
        except OSError:
            continue
        if b"/cra/start.py\0variant" in words:
            found.append(f"{place.parent.name} {words!r}")
    return found


@pytest.mark.slow
def test_whoever_it_leaves_behind_is_ended_before_anything_is_packed(
    arena: Arena, tmp_path: Path
) -> None:
    # Many files take a while to pack, and the databases come last.
    code = COMPLETE + (
        "import os, subprocess, time\nsay_complete()\n"
        "for n in range(400):\n    open(f'f{n}.txt', 'w').write(str(n))\n"
        "for words in (['add', '-A'], ['commit', '-qm', 'work']):\n"
        "    subprocess.run(['git', *words], check=True)\n"
        "first = os.getpid()\n"
        "if not os.fork():\n    os.setsid()\n"
        "    while os.getppid() == first: time.sleep(0.01)\n"
        "    time.sleep(0.2)\n"
        "    while True: open('.clean_room/raw.sqlite', 'wb').write(b'late')\n"
    )
    run = arena.attempt(tmp_path, code)

    # Its database came through whole; that no answer made these files is another matter.
    assert (run.outcome, run.reason) == (Outcome.AGENT_ERROR, "tree_differs")
    assert run.status == "complete"
    assert len(run.proposal.files) == 400


@pytest.mark.slow
def test_attempts_at_the_same_time_do_not_meet(arena: Arena, tmp_path: Path) -> None:
    barrier = threading.Barrier(3)

    def honest(number: int) -> AgentRun:
        barrier.wait()
        return arena.honest(f"{tmp_path.name}-{number}")

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(honest, range(3)))

    assert all(run.reproduced and run.usable for run in runs)
    prompts = [[call.prompt for call in run.calls] for run in runs]
    assert prompts[0] == prompts[1] == prompts[2]
    assert list(arena.bed.layout.scratch.iterdir()) == []
