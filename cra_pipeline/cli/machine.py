"""What the pipeline needs of this machine, one check for each thing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError, SandboxError
from cra_pipeline.integrations.room import available_mb

_TESTED_PYTHON = (3, 11)
_GIT_FLOOR = (2, 31)  # the first that reads its settings from GIT_CONFIG_COUNT
_DISK_FLOOR_GB = 5
_MEMORY_FLOOR_GB = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: ``weak`` hinders some work only; ``missing`` hinders all of it.
        remedy: The command or step that mends it; empty where nothing is to be mended.
    """

    name: str
    state: Literal["works", "weak", "missing"]
    found: str
    remedy: str = ""


def examine(layout: Layout) -> tuple[Finding, ...]:
    """All checks, in the order in which a new machine would fail them."""
    checks: tuple[Callable[[Layout], Finding], ...] = (
        python,
        interpreter,
        git,
        uv,
        sandbox,
        memory,
        disk,
        instance,
        dagster_home,
        wheelhouse,
        agent,
        vllm,
        llama_server,
    )
    return tuple(check(layout) for check in checks)


def python(_: Layout) -> Finding:
    """The version that runs here."""
    version = platform.python_version()
    if sys.version_info[:2] == _TESTED_PYTHON:
        return Finding(name="python", state="works", found=version)
    return Finding(
        name="python",
        state="weak",
        found=f"{version}; tested with 3.11 only",
        remedy="rm -r .venv; PYTHON=python3.11 make setup",
    )


def interpreter(_: Layout) -> Finding:
    """Whether the user that the sandbox drops to may read the interpreter."""
    prefix = Path(sys.base_prefix)
    closed = [path for path in (prefix, *prefix.parents) if not path.stat().st_mode & stat.S_IXOTH]
    if os.geteuid() == 0 and closed:
        return Finding(
            name="interpreter",
            state="works",
            found=f"{prefix}, copied for the sandbox because {closed[0]} is closed to others",
        )
    return Finding(name="interpreter", state="works", found=str(prefix))


def git(_: Layout) -> Finding:
    """Git, new enough to be told everything by its environment."""
    from cra_pipeline.integrations.git.run import git as run_git

    remedy = "install git 2.31 or newer: apt-get install git"
    if shutil.which("git") is None:
        return Finding(name="git", state="missing", found="not on PATH", remedy=remedy)
    words = run_git(None, "version").decode().strip()
    match = re.search(r"(\d+)\.(\d+)", words)
    if match and (int(match[1]), int(match[2])) >= _GIT_FLOOR:
        return Finding(name="git", state="works", found=words)
    return Finding(name="git", state="missing", found=words, remedy=remedy)


def uv(_: Layout) -> Finding:
    """The resolver that environments are made with."""
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if found:
        return Finding(name="uv", state="works", found=found)
    return Finding(name="uv", state="missing", found="not there", remedy="make setup")


def sandbox(_: Layout) -> Finding:
    """Bubblewrap, tried out."""
    from cra_pipeline.integrations.sandbox.probe import probe

    try:
        found = probe()
    except SandboxError as error:
        remedy = "what the text says; bubblewrap itself: make setup"
        return Finding(name="sandbox", state="missing", found=str(error), remedy=remedy)
    return Finding(
        name="sandbox",
        state="works",
        found=f"{found.program}, as {found.runs_as}, tree by {found.tree}, "
        f"starts in {found.start_s * 1000:.0f} ms",
    )


def memory(_: Layout) -> Finding:
    """Memory that is free now."""
    free = available_mb() / 2**10
    enough = free >= _MEMORY_FLOOR_GB
    return Finding(
        name="memory",
        state="works" if enough else "weak",
        found=f"{free:.1f} GB free",
        remedy="" if enough else f"end other programs: a test run may take 2 of {free:.1f} GB",
    )


def disk(layout: Layout) -> Finding:
    """Room where the workspace is, or will be."""
    place = next(path for path in (layout.root, *layout.root.parents) if path.exists())
    if not os.access(place, os.W_OK):
        remedy = "name another folder: export CRA_PIPELINE_HOME=/path/with/room"
        return Finding(name="disk", state="missing", found=f"{place} is read-only", remedy=remedy)
    free = shutil.disk_usage(place).free / 2**30
    enough = free >= _DISK_FLOOR_GB
    return Finding(
        name="disk",
        state="works" if enough else "weak",
        found=f"{free:.0f} GB free at {place}",
        remedy="" if enough else "free some, or: export CRA_PIPELINE_HOME=/path/with/room",
    )


def instance(layout: Layout) -> Finding:
    """Dagster's state in the workspace, made by one process before two may use it."""
    state = layout.root / "dagster"
    if (state / "created").exists():
        return Finding(name="instance", state="works", found=str(state))
    return Finding(
        name="instance", state="weak", found=f"none at {state}", remedy="cra-pipeline prepare"
    )


def dagster_home(layout: Layout) -> Finding:
    """Whether ``dagster dev`` would open the same instance."""
    set_to = os.environ.get("DAGSTER_HOME", "")
    wanted = "" if (Path.cwd() / "workspace") == layout.root else str(layout.root)
    if set_to == wanted:
        return Finding(name="dagster dev", state="works", found=set_to or "uses ./dagster.yaml")
    return Finding(
        name="dagster dev",
        state="weak",
        found=f"DAGSTER_HOME is {set_to or 'not set'}: it would open another instance",
        remedy=f"export DAGSTER_HOME={wanted}" if wanted else "unset DAGSTER_HOME",
    )


def wheelhouse(_: Layout) -> Finding:
    """Wheels that let the demo run without network."""
    folder = wheelhouse_folder()
    wheels = sorted(folder.glob("pytest-*.whl"))
    if wheels:
        return Finding(name="wheelhouse", state="works", found=f"{wheels[0].name} in {folder}")
    return Finding(
        name="wheelhouse",
        state="weak",
        found=f"no pytest in {folder}: the demo cannot run",
        remedy="make setup",
    )


def agent(_: Layout) -> Finding:
    """The Clean Room Agent, for campaigns; without it a small stand-in takes its place."""
    from cra_pipeline.integrations.clean_room.installed import agent_state

    found = agent_state(os.environ)
    return Finding(name="agent", state=found.state, found=found.found, remedy=found.remedy)


def vllm(layout: Layout) -> Finding:
    """The big server, for many agents at once; without it small ones serve one at a time."""
    return _server(layout, "vllm")


def llama_server(layout: Layout) -> Finding:
    """The big server's small brother, for processors."""
    return _server(layout, "llama_server")


def _server(layout: Layout, name: Literal["vllm", "llama_server"]) -> Finding:
    from cra_pipeline.integrations.model_server.install import installed

    remedy = f"where adapters are to serve many: cra-pipeline serve --install {name}"
    try:
        there = installed(layout, name)
    except ModelError:
        return Finding(name=name, state="weak", found="not installed", remedy=remedy)
    return Finding(name=name, state="works", found=f"{there.version} in {there.folder}")


def wheelhouse_folder() -> Path:
    """Where ``make setup`` puts the wheels of the demo."""
    return Path(sys.prefix) / "wheelhouse"
