"""Environments and repo packages on disk: the packages rules with their input and output."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from cra_pipeline.contracts.commits import CommitRow, newest
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.packages import EnvironmentLock, EnvironmentRow, RepoManifest, WheelPin
from cra_pipeline.contracts.ports import TestRunner
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.contracts.sources import RepoSnapshot, RepoSource
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PackageError, SandboxError
from cra_pipeline.integrations import drops
from cra_pipeline.integrations.envs import keep_lock, kept_lock, ready_environment, ready_locks
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import (
    append_journal,
    partition_lock,
    read_journal,
    read_record,
    read_table,
)
from cra_pipeline.integrations.git.checkout import checked_out
from cra_pipeline.integrations.git.clone import PINNED
from cra_pipeline.integrations.git.history import blobs_since, describe, known_blobs
from cra_pipeline.integrations.git.trees import Entry, entries, read_blobs
from cra_pipeline.integrations.index import IndexAddress
from cra_pipeline.integrations.repo_package import (
    copied_package,
    damaged_files,
    place_package,
    read_manifest,
    walk_unfollowed,
    write_package,
)
from cra_pipeline.integrations.resolutions import stored_resolution
from cra_pipeline.integrations.uv import PYTHON
from cra_pipeline.integrations.wheels import python_sources, stored
from cra_pipeline.packages.check import judge_package
from cra_pipeline.packages.climb import Climbed, Resolution, climb
from cra_pipeline.packages.declared import project_folder, read_declared, wanted_files
from cra_pipeline.packages.intake import Dropped, distrust, findings, parse_manifest
from cra_pipeline.packages.ladder import declared_rungs
from cra_pipeline.packages.leaks import (
    OwnCode,
    WheelFacts,
    head_lines,
    leak_of,
    own_modules,
    telling_lines,
    wheel_facts,
)
from cra_pipeline.packages.policy import DEFAULT_POLICY, PackagePolicy
from cra_pipeline.packages.preview import label, package_preview
from cra_pipeline.packages.project import Project
from cra_pipeline.packages.records import JournalLine
from cra_pipeline.packages.sealing import manifest_bytes, repo_manifest, used_locks, used_wheels

ASSET = "repo_packages"


def build_package(
    layout: Layout,
    repo: str,
    *,
    policy: PackagePolicy = DEFAULT_POLICY,
    runner: TestRunner,
    progress: Progress = silent,
) -> StageReport:
    """Find an environment for each chosen commit, then seal the repo package.

    A package that was taken in for this repository gives its environments first.

    Args:
        layout: The workspace.
        repo: Key of the repository.
        policy: Which commits, and how far the ladder goes.
        runner: Collects tests in the sandbox.
        progress: Told after each commit.

    Raises:
        BusyError: Another run makes this partition.
        CheckError: The commits are not ready.
        EnvironmentBuildError: The package index cannot be reached.
        SandboxError: The sandbox cannot be had.
        StoreError: The disk is full.
    """
    with partition_lock(layout, ASSET, repo):
        upstream = require_checked(layout, "commits", repo)
        chosen = _chosen(layout, repo, policy)
        builder = _Builder(layout, repo, policy, runner)
        rows = tuple(sorted(builder.rows(chosen, progress), key=lambda row: row.sha))
        _write(layout, builder.source, rows)
        manifest = seal_table(
            layout, ASSET, repo, rows, EnvironmentRow,
            reasons=[label(row) for row in rows], inputs=[upstream], policy=policy.evidence(),
        )  # fmt: skip
        return StageReport(manifest=manifest, preview=package_preview(rows))


def _chosen(layout: Layout, repo: str, policy: PackagePolicy) -> tuple[CommitRow, ...]:
    rows = read_table(layout.table("commits", repo), CommitRow)
    return newest(rows, policy.kinds, policy.limit)


def _write(layout: Layout, source: RepoSnapshot, rows: tuple[EnvironmentRow, ...]) -> None:
    locks = used_locks(rows, ready_locks(layout, (row.lock_hash for row in rows)))
    write_package(
        layout,
        layout.snapshot(source.repo),
        used_wheels(locks),
        layout.package(source.repo),
        lambda files: manifest_bytes(repo_manifest(source, rows, locks, files, PYTHON)),
    )


@dataclass
class _Builder:
    """One run over one repository, with what its commits share."""

    layout: Layout
    repo: str
    policy: PackagePolicy
    runner: TestRunner
    facts: dict[str, WheelFacts] = field(default_factory=dict)

    @property
    def snapshot(self) -> Path:
        return self.layout.snapshot(self.repo)

    @cached_property
    def source(self) -> RepoSnapshot:
        return read_table(self.layout.table("repo_snapshots", self.repo), RepoSnapshot)[0]

    @cached_property
    def adopted(self) -> RepoManifest | None:
        return drops.ingested_manifest(self.layout, self.repo)

    @cached_property
    def head(self) -> tuple[Entry, ...]:
        return entries(self.snapshot, PINNED)

    @cached_property
    def head_lines(self) -> dict[str, tuple[frozenset[str], ...]]:
        files = [entry for entry in self.head if entry.path.endswith(".py")]
        contents = read_blobs(self.snapshot, (entry.blob for entry in files))
        return head_lines((entry.path, contents[entry.blob]) for entry in files)

    def rows(self, chosen: tuple[CommitRow, ...], progress: Progress) -> list[EnvironmentRow]:
        """A row for each commit, from the journal where it still holds."""
        journal = self.layout.journal(ASSET, self.repo)
        known = {line.key: line.row for line in read_journal(journal, JournalLine)}
        rows: list[EnvironmentRow] = []
        for number, commit in enumerate(chosen, 1):
            key = self._key(commit)
            row = known.get(key)
            if row is None or not self._stands(row):
                row = self._row(commit)
                append_journal(journal, JournalLine(key=key, row=row))
            rows.append(row)
            progress(number, len(chosen), f"{commit.sha[:12]} {label(row)}")
        return rows

    def _key(self, commit: CommitRow) -> str:
        adopted = self.adopted.digest() if self.adopted else ""
        parts = [self.policy.ladder_evidence(), commit.digest(), self.source.revision, adopted]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _stands(self, row: EnvironmentRow) -> bool:
        """Whether a row's environment is there, or can be built from the store."""
        if not row.lock_hash:
            return True
        lock = kept_lock(self.layout, row.lock_hash)
        if lock is None or not all(stored(self.layout, pin).exists() for pin in lock.wheels):
            return False
        ready_environment(self.layout, lock)
        return True

    def _row(self, commit: CommitRow) -> EnvironmentRow:
        """The row of a package that was taken in, where it is proved; else that of a climb."""
        with ExitStack() as stack:
            world = _CommitWorld(self, commit, stack)
            given = drops.given_row(self.layout, self.adopted, commit.sha)
            if given is None:
                return world.climbed()
            row, lock = given
            if against := distrust(row, world.project, world.leaks(lock)):
                return world.climbed(f"the environment that was taken in is not used: {against}")
            keep_lock(self.layout, lock)
            ready_environment(self.layout, lock)
            return row

    def wheel_facts(self, path: Path, sha256: str) -> WheelFacts:
        """What a wheel has in common with the repository, compared once."""
        if sha256 not in self.facts:
            self.facts[sha256] = wheel_facts(
                python_sources(path),
                lambda ids: known_blobs(self.snapshot, ids),
                self.head_lines,
                self.policy,
            )
        return self.facts[sha256]


@dataclass
class _CommitWorld:
    """The outside as one commit's climb sees it; a ``climb.World``."""

    builder: _Builder
    commit: CommitRow
    stack: ExitStack

    @cached_property
    def entries(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in entries(self.builder.snapshot, self.commit.sha)}

    @cached_property
    def project(self) -> Project:
        tree = frozenset(self.entries)
        folder = project_folder(tree, self.commit.source_files or self.commit.test_files)
        wanted = {path: self.entries[path].blob for path in wanted_files(tree, folder)}
        contents = read_blobs(self.builder.snapshot, wanted.values())
        texts = {path: contents[blob].decode(errors="replace") for path, blob in wanted.items()}
        return Project(
            commit=self.commit,
            tree=tree,
            declared=read_declared(tree, texts, folder),
            described=describe(self.builder.snapshot, self.commit.sha),
        )

    @cached_property
    def tree(self) -> Path:
        layout, snapshot = self.builder.layout, self.builder.snapshot
        return self.stack.enter_context(checked_out(layout, snapshot, self.commit.sha))

    @cached_property
    def own(self) -> OwnCode:
        paths = [*self.entries, *(entry.path for entry in self.builder.head)]
        return OwnCode(
            name=self.project.declared.name,
            modules=own_modules(paths, self.project.declared.roots),
            later_blobs=lambda ids: frozenset(ids) & self._later if ids else frozenset(),
            base_lines=self._base_lines,
        )

    @cached_property
    def _later(self) -> frozenset[str]:
        return blobs_since(self.builder.snapshot, self.commit.base_sha)

    def _base_lines(self, name: str) -> frozenset[str]:
        if not self.commit.base_sha:
            return frozenset()
        snapshot = self.builder.snapshot
        found = [
            entry.blob
            for entry in entries(snapshot, self.commit.base_sha)
            if PurePosixPath(entry.path).name == name
        ]
        return frozenset().union(*map(telling_lines, read_blobs(snapshot, found).values()))

    def climbed(self, *notes: str) -> EnvironmentRow:
        """Where the ladder ends for the commit, with notes before its own."""
        policy, project = self.builder.policy, self.project
        found = climb(
            declared_rungs(project.declared, self.commit.committed_at, policy),
            self,
            policy,
            own_modules=project.near(policy),
            native=project.declared.native,
        )
        lock_hash = keep_lock(self.builder.layout, found.lock) if found.lock else ""
        return project.row(found, lock_hash, notes)

    def resolve(self, requirements: tuple[str, ...], as_of: str) -> Resolution:
        policy = self.builder.policy
        index = IndexAddress(url=policy.index_url, label=policy.index_label)
        answer = stored_resolution(
            self.builder.layout,
            requirements,
            as_of=as_of,
            index=index,
            most_mb=policy.lock_mb,
        )
        return Resolution(answer.lock, answer.words)

    def leaks(self, lock: EnvironmentLock) -> dict[str, str]:
        found = {pin.name: self._leak(pin) for pin in lock.wheels}
        return {name: reason for name, reason in found.items() if reason}

    def _leak(self, pin: WheelPin) -> str:
        path = stored(self.builder.layout, pin)
        return leak_of(
            pin.name,
            lambda: self.builder.wheel_facts(path, pin.sha256),
            self.own,
            self.builder.policy,
        )

    def probe(self, lock: EnvironmentLock, test_args: tuple[str, ...]) -> TestRunReport | None:
        folder = ready_environment(self.builder.layout, lock)
        targets = self.project.targets(self.builder.policy)
        if not targets:
            return None
        cpu_s = self.builder.policy.probe_cpu_s
        report = self.builder.runner.run(
            TestRunRequest(
                tree=self.tree,
                layers=(),
                environment=self.project.row(
                    Climbed(lock=lock, rung="", as_of="", reason="", test_args=test_args),
                    lock.digest(),
                ),
                env_folder=folder,
                test_files=targets,
                sentinels=False,
                collect_only=True,
                limits=Limits(wall_s=5 * cpu_s, cpu_s=int(cpu_s)),  # room on a busy machine
            )
        )
        if report.ending is Ending.NOT_STARTED:
            raise SandboxError(f"{report.detail}; run `cra-pipeline doctor`")
        return report


def check_package(layout: Layout, repo: str) -> CheckReport:
    """Judge the sealed table and package of a repository, and store the verdict.

    Raises:
        StoreError: There is no table, or it is damaged.
    """
    sealed = read_record(layout.manifest(ASSET, repo), AssetManifest)
    rows = read_table(layout.table(ASSET, repo), EnvironmentRow)
    package = layout.package(repo)
    manifest = read_record(package / "manifest.json", RepoManifest)
    numbers = json.loads(sealed.policy)
    policy = PackagePolicy(kinds=tuple(numbers["kinds"]), limit=numbers["limit"])
    chosen = [commit.sha for commit in _chosen(layout, repo, policy)]
    locks = ready_locks(layout, (row.lock_hash for row in rows))
    found = judge_package(rows, chosen, manifest, locks, damaged_files(package, manifest))
    return write_check(layout, sealed, found)


def ingest_package(layout: Layout, path: Path) -> str:
    """Take in a dropped repo package, whole or not at all.

    Its git configuration is never read: the repository is cloned from its objects. Afterwards
    ``ingested_source`` says what to add to the sources.

    Args:
        layout: The workspace.
        path: Folder with ``repo/``, ``packages/`` and ``manifest.json``.

    Returns:
        Key of its repository.

    Raises:
        PackageError: What is wrong with it; nothing was taken in.
        SourceError: Its history is not whole.
        StoreError: The disk is full.
    """
    content = read_manifest(path)
    try:
        manifest = parse_manifest(content, where=str(path / "manifest.json"))
    except ValueError as error:
        raise PackageError(f"{error}; build the package again with this version") from error
    listing = [Dropped(*entry) for entry in walk_unfollowed(path)]
    if against := findings(manifest, listing):
        raise PackageError(f"{path}: {'; '.join(against[:5])}")
    with partition_lock(layout, drops.INGESTED, manifest.repo), ExitStack() as stack:
        copy = stack.enter_context(copied_package(layout, path, manifest))
        commits = drops.verified_commits(copy, manifest)
        if drops.is_known(layout, manifest, content, commits):
            return manifest.repo
        place_package(copy, content, drops.ingested_folder(layout, manifest.repo))
    return manifest.repo


def ingested_source(layout: Layout, repo: str) -> RepoSource:
    """Source entry of a package that was taken in: its repository, pinned as it was.

    Raises:
        StoreError: None was taken in under this key.
    """
    return drops.source_of_ingested(layout, repo)


def pending_drops(layout: Layout) -> tuple[tuple[str, str], ...]:
    """Name and content hash of dropped packages that were not taken in yet, sorted by name."""
    return drops.unseen_drops(layout)
