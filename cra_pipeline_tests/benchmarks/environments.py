"""How much cheaper a ready environment is than a built one, and what it costs on disk.

Run by hand: ``python -m cra_pipeline_tests.benchmarks.environments``. It needs the wheelhouse that
``make setup`` fills and no network; everything is made in a temporary folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cra_pipeline.contracts.packages import EnvironmentLock
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.envs import ready_environment
from cra_pipeline.integrations.uv import PLATFORM, PYTHON
from cra_pipeline.integrations.wheels import adopt_wheel, unpacked
from cra_pipeline_tests.wheels import WHEELHOUSE, build_wheel, pin_for

_COMMITS = 10


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def disk_bytes(*roots: Path) -> int:
    """Bytes on disk below some folders, every inode counted once."""
    seen: dict[int, int] = {}
    for root in roots:
        for folder, _, files in os.walk(root):
            for path in (Path(folder), *(Path(folder) / name for name in files)):
                status = path.lstat()
                seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def main() -> None:
    """Print seconds, kilobytes and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder) / "home")
        wheels = sorted(WHEELHOUSE.glob("*.whl"))
        pins = tuple(pin_for(path) for path in wheels)
        for path, pin in zip(wheels, pins, strict=True):
            adopt_wheel(layout, path, pin)
        lock = EnvironmentLock(python=PYTHON, platform=PLATFORM, wheels=pins)
        cold = timed(lambda: [unpacked(layout, pin) for pin in pins])
        linked = timed(lambda: ready_environment(layout, lock))
        bound = timed(lambda: ready_environment(layout, lock))
        plain = timed(
            lambda: subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        )
        marginal = _marginal(layout, lock, Path(folder))
    print(f"unpack and compile, once per wheel: {cold:.3f} s")
    print(f"link an environment of stored wheels: {linked:.3f} s")
    print(f"bind a ready environment: {bound:.6f} s (target 0.3)")
    print(f"python -m venv, empty but for pip: {plain:.3f} s")
    print(f"disk of each further environment: {marginal / 1024:.0f} KiB (target 1024)")
    print(f"ratio: {plain / max(linked, 1e-9):.1f}")


def _marginal(layout: Layout, lock: EnvironmentLock, folder: Path) -> float:
    """Mean bytes that environments add which differ in one small wheel."""
    before = disk_bytes(layout.wheels, layout.envs)
    for number in range(_COMMITS):
        path = build_wheel(folder / "small", f"small{number}", "1", {f"small{number}.py": ""})
        adopt_wheel(layout, path, pin_for(path))
        wheels = (*lock.wheels, pin_for(path))
        ready_environment(layout, lock.model_copy(update={"wheels": wheels}))
    return (disk_bytes(layout.wheels, layout.envs) - before) / _COMMITS


if __name__ == "__main__":
    main()
