"""What every attempt on a task starts from: a repository that ends at its base, and its index.

Made once for a task and an agent's version, then read-only. The index comes from the agent itself,
run in the sandbox; rows that it lacks are added from the base tree alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import filelock

from cra_pipeline.contracts.agents import TaskForm
from cra_pipeline.contracts.calls import IndexedSymbol
from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.sandbox import Limits
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.diffs import Blob
from cra_pipeline.errors import AgentError
from cra_pipeline.gold.metadata import describe
from cra_pipeline.integrations.agents.supplies import Materials
from cra_pipeline.integrations.clean_room.curated import (
    complete_index,
    indexed_paths,
    indexed_symbols,
)
from cra_pipeline.integrations.clean_room.launch import Job, require_exit, run_program
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.files import read_record, write_bytes, write_record
from cra_pipeline.integrations.git.standalone import standalone_repository
from cra_pipeline.integrations.git.trees import entries

RULES = "2"
"""Raise it when a rule here changes what a base holds."""
INDEX_LIMITS = Limits(wall_s=600.0, cpu_s=300, memory_mb=4096, disk_mb=1024)
_FOREIGN = (".c", ".h")
"""Files on which the agent's indexer ends with an error."""
_CURATED, _RAW = "curated.sqlite", "raw.sqlite"


class BaseRecord(Record):
    """``base.json``: written last, so that a base without it is no base."""

    head: str
    """Commit at which the branch stands."""
    symbols: tuple[IndexedSymbol, ...]
    paths: tuple[str, ...]
    """Every file that the agent indexed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBase:
    """A ready base.

    Attributes:
        folder: Its place on disk.
        record: What was found in it.
    """

    folder: Path
    record: BaseRecord

    @property
    def tree(self) -> Path:
        """Checked-out repository; never written to."""
        return self.folder / "tree"

    def text(self, path: str) -> str:
        """Text of a file, as the agent reads it: every line ends with a line feed."""
        return (self.tree / path).read_text(encoding="utf-8", errors="replace")

    def state(self, form: TaskForm) -> dict[str, bytes]:
        """Files for the agent's own folder."""
        curated = (self.folder / f"curated-{form}.sqlite").read_bytes()
        return {_CURATED: curated, _RAW: (self.folder / _RAW).read_bytes()}


def ready_base(  # noqa: PLR0913  # what a base is made of
    layout: Layout,
    sandbox: Sandbox,
    program: AgentProgram,
    materials: Materials,
    base_sha: str,
    *,
    changed: Mapping[str, Blob],
    deleted: frozenset[str],
) -> TaskBase:
    """The base of a task, made if it is not there.

    Args:
        layout: The workspace.
        sandbox: Where the agent indexes.
        program: The agent.
        materials: Of the task.
        base_sha: Parent of the commit.
        changed: Files that the base has beside the parent's, such as stubs.
        deleted: Files that it has no more.

    Raises:
        AgentError: The agent cannot index this tree.
        GitError: The tree cannot be read.
        StoreError: The disk is full.
    """
    key = _key(program, materials, base_sha, changed, deleted)
    folder = layout.root / "agent_bases" / key
    layout.locks.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(layout.locks / f"agent_bases--{key}.lock"):
        stamp = folder / "base.json"
        if not stamp.exists():
            # What a killed run left is no base.
            shutil.rmtree(folder, ignore_errors=True)
            record = _make(layout, sandbox, program, materials, base_sha, folder, changed, deleted)
            write_record(stamp, record)
        return TaskBase(folder=folder, record=read_record(stamp, BaseRecord))


def _key(
    program: AgentProgram,
    materials: Materials,
    base_sha: str,
    changed: Mapping[str, Blob],
    deleted: frozenset[str],
) -> str:
    files = sorted(
        (path, blob.mode, hashlib.sha256(blob.content).hexdigest())
        for path, blob in changed.items()
    )
    ignored = sorted(file.path for file in materials.environment.generated)
    what = [RULES, program.digest, base_sha, files, sorted(deleted), ignored]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def _make(  # noqa: PLR0913, PLR0917  # as above
    layout: Layout,
    sandbox: Sandbox,
    program: AgentProgram,
    materials: Materials,
    base_sha: str,
    folder: Path,
    changed: Mapping[str, Blob],
    deleted: frozenset[str],
) -> BaseRecord:
    names = [entry.path for entry in entries(materials.snapshot, base_sha)]
    foreign = {path for path in names if path.endswith(_FOREIGN)}
    head = standalone_repository(
        materials.snapshot,
        base_sha,
        folder / "tree",
        changed={path: blob for path, blob in changed.items() if not path.endswith(_FOREIGN)},
        deleted=deleted | foreign,
        ignored=[file.path for file in materials.environment.generated],
    )
    databases = _indexed(layout, sandbox, program, folder / "tree")
    for name, content in databases.items():
        write_bytes(folder / name, content)
    return _completed(folder, head)


def _indexed(
    layout: Layout, sandbox: Sandbox, program: AgentProgram, tree: Path
) -> Mapping[str, bytes]:
    from cra_pipeline.contracts.agents import AgentSettings
    from cra_pipeline.integrations.clean_room.configuration import configuration
    from cra_pipeline.integrations.clean_room.launch import PORT

    settings = configuration(
        AgentSettings(name="index"), port=PORT, temperature=0.0, test_timeout_s=1
    )
    job = Job(
        arguments=("index", "/repo"),
        tree=tree,
        base="",
        state={"config.toml": settings.encode()},
        timeout_s=INDEX_LIMITS.wall_s - 60.0,
        limits=INDEX_LIMITS,
    )
    left = run_program(sandbox, layout.scratch, program, job)
    require_exit(left, f"{program.name}: indexing {tree.parent.name}", (_CURATED, _RAW))
    return left.databases


def _completed(folder: Path, head: str) -> BaseRecord:
    """Both forms of the index, and what is in them."""
    plain, described = folder / "curated-names.sqlite", folder / "curated-metadata.sqlite"
    shutil.copyfile(folder / _CURATED, plain)
    complete_index(plain, ())
    shutil.copyfile(plain, described)
    paths = indexed_paths(plain)
    complete_index(described, [_description(folder / "tree", path) for path in paths])
    (folder / _CURATED).unlink()
    return BaseRecord(head=head, symbols=indexed_symbols(plain), paths=paths)


def _description(tree: Path, path: str) -> tuple[str, str, str, str, str, str, str]:
    # The agent follows links, and so do we, as long as they stay in the tree.
    place = (tree / path).resolve()
    if not (place.is_relative_to(tree.resolve()) and place.is_file()):
        raise AgentError(f"{path!r}: the agent indexed what is no file of the tree")
    found = describe(path, place.read_bytes().decode("utf-8", "replace"))
    return (
        path, found.purpose, found.module, found.domain, found.concepts,
        found.public_api_surface, found.complexity_notes,
    )  # fmt: skip
