"""Start of the sandbox against bubblewrap's own.

Run: ``python -m cra_pipeline_tests.benchmarks.sandbox``. Both run a command that does nothing, in
turns, so that the machine's load falls on both alike. Prints the ratio of the medians; at most
four is wanted.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cra_pipeline.contracts.sandbox import Bind, SandboxRequest
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.sandbox.locate import find_bubblewrap

_ISOLATED = ("--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")
_NOTHING = "/usr/bin/true"


def _timed_ms(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def _bare() -> None:
    command = [str(find_bubblewrap().path), *_ISOLATED, _NOTHING]
    subprocess.run(command, check=True, capture_output=True, env={})


def _ours(tree: Path) -> None:
    request = SandboxRequest(
        argv=(_NOTHING,),
        tree=tree,
        binds=(Bind(source=Path(sys.base_prefix), target="/python"),),
        channel=True,
        secret=b"nonce",
    )
    result = BubblewrapSandbox().run(request)
    if result.exit_code:
        raise SystemExit(f"the sandbox ended as {result.ending.value}: {result.detail}")


def main() -> None:
    """Measure in turns and print medians, the quickest of each, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as folder:
        _ours(Path(folder))
        for _ in range(rounds):
            bare.append(_timed_ms(_bare))
            ours.append(_timed_ms(lambda: _ours(Path(folder))))
    for name, times in (("bubblewrap alone", bare), ("sandbox", ours)):
        print(f"{name}: median {statistics.median(times):.1f} ms, quickest {min(times):.1f} ms")
    print(f"ratio of the quickest: {min(ours) / min(bare):.2f}")
    print(f"ratio: {statistics.median(ours) / statistics.median(bare):.2f}")


if __name__ == "__main__":
    main()
