"""A foreign program under ``keeper``, seen from whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from cra_pipeline.integrations.model_server import keeper

_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
_PASSED_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "VLLM_", "TRITON_", "OMP_")
_FORCED_S = 10.0
_KILLED = 128 + signal.SIGKILL


@dataclass(slots=True, kw_only=True)
class Held:
    """The program while it runs.

    Attributes:
        patience: Seconds that its end may take before it is forced.
    """

    patience: float
    _keeper: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Of the program itself; of its keeper where it has ended."""
        try:
            children = psutil.Process(self._keeper.pid).children()
        except psutil.NoSuchProcess:
            return self._keeper.pid
        return children[0].pid if children else self._keeper.pid

    @property
    def ended(self) -> bool:
        """Whether it runs no longer."""
        return self._keeper.poll() is not None

    @property
    def ending(self) -> str:
        """How it ended, in words; that it did not where it runs."""
        status = self._keeper.poll()
        if status is None:
            return "is silent"
        if status == _KILLED:
            return "was killed, as the system does where memory runs out"
        return f"ended with status {status}"

    def stop(self) -> None:
        """End it and all that it started, and wait; a second time nothing happens."""
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        try:
            self._keeper.wait(self.patience + _FORCED_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()


def hold(
    command: Sequence[str],
    *,
    log: Path,
    environment: dict[str, str],
    patience: float,
    folder: Path | None = None,
) -> Held:
    """Start a program that ends with this process.

    It sees none of this process's secrets: of the environment it gets where programs, caches and
    devices are, and what is given here.

    Args:
        command: Program and arguments; no secret among them, since everybody can read them.
        log: What it says is added there.
        environment: Over what is passed on.
        patience: Seconds that its end may take before it is forced.
        folder: Where it runs; this process's own where none is given.
    """
    with log.open("ab") as words:
        process = subprocess.Popen(
            [sys.executable, "-I", str(Path(keeper.__file__)), str(patience), *command],
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            env=passed_on(os.environ) | environment,
            cwd=folder,
        )
    return Held(patience=patience, _keeper=process)


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """What foreign programs see of an environment: where things are, and nobody's keys."""
    return {
        key: value
        for key, value in environ.items()
        if (key in _PASSED or key.startswith(_PASSED_PREFIXES)) and not key.endswith("_KEY")
    }
