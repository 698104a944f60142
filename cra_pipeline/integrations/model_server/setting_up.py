"""Steps of an installation: programs that run to their end, and are remembered once they did."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from cra_pipeline.errors import BusyError, EnvironmentBuildError

_QUOTED = 1500
_NETWORK = re.compile(
    r"failed to (?:fetch|establish a new connection)|error sending request|could not connect"
    r"|timed out|connection (?:refused|reset|error|broken)|dns error|name or service"
    r"|name resolution|newconnectionerror|network is unreachable|max retries exceeded",
    re.IGNORECASE,
)


Command = list[str | Path]
"""A program and its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """One installation under way.

    Attributes:
        folder: Of the server; holds a log of every program that ran.
        told: Hears each step.
    """

    folder: Path
    told: Callable[[str], None]

    def step(
        self,
        name: str,
        command: Command,
        environment: Mapping[str, str] | None = None,
        *,
        once: bool = True,
    ) -> str:
        """Run a program, unless it already ran to a good end here.

        Args:
            name: Of the step; also of the file that remembers it.
            command: Program and arguments.
            environment: Over this process's own: an index may need what the user set for it.
            once: Whether a good end is remembered.

        Returns:
            What it said on its standard output; empty where it had been done before.

        Raises:
            EnvironmentBuildError: It failed; with its last words, and what to do.
        """
        done = self.folder / "done" / name
        if once and done.exists():
            return ""
        self.told(f"{name} ...")
        ran = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=self.folder,
            env=os.environ | (environment or {}),
        )
        with (self.folder / "install.log").open("a", encoding="utf-8") as log:
            log.write(f"== {name}\n{ran.stdout}{ran.stderr}")
        if ran.returncode:
            raise _failure(self.folder, name, ran.stdout + ran.stderr)
        if once:
            done.parent.mkdir(exist_ok=True)
            done.touch()
        return ran.stdout


def _failure(folder: Path, name: str, words: str) -> EnvironmentBuildError:
    last = words.strip()[-_QUOTED:]
    remedy = (
        "no network: check it and pip's and uv's configuration"
        if _NETWORK.search(words)
        else f"see {folder / 'install.log'}"
    )
    return EnvironmentBuildError(
        f"{folder}: step {name!r} failed: {remedy}, then run the same command again; finished "
        f"steps are kept: {last}"
    )


@contextmanager
def held_by_one(folder: Path) -> Iterator[None]:
    """One installation in a folder at a time.

    Raises:
        BusyError: Another process is at it.
        EnvironmentBuildError: The folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentBuildError(
            f"{folder}: cannot be made ({error.strerror}): mend its rights"
        ) from error
    try:
        with filelock.FileLock(folder / "install.lock", timeout=0):
            yield
    except filelock.Timeout as error:
        raise BusyError(
            f"{folder}: another process installs it: wait for that one, then look with "
            "`cra-pipeline doctor`"
        ) from error
