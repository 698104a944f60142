"""The commits stage: a pinned history in, one verdict per commit out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cra_pipeline.commits.attrition import attrition, preview
from cra_pipeline.commits.check import findings
from cra_pipeline.commits.facts import LineCounts
from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.commits.related import is_test_module
from cra_pipeline.commits.rows import judge_commits
from cra_pipeline.contracts.commits import ChangedSymbol, CommitRow
from cra_pipeline.contracts.history import ABSENT, FileChange, HistoryCommit
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import SourceError, StoreError
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import (
    append_journal,
    partition_lock,
    read_journal,
    read_record,
    read_table,
)
from cra_pipeline.integrations.git.objects import ObjectReader, object_reader
from cra_pipeline.integrations.git.walk import PINNED, line_counts, walk
from cra_pipeline.integrations.plots import bar_plot
from cra_pipeline.integrations.symbols import symbol_reader

ASSET = "commits"
_SNAPSHOTS = "repo_snapshots"
_QUALIFIED = "qualified"
_SYMBOL_RULES = "1"
"""Part of every journal key: raise it when ``integrations.symbols`` finds other symbols."""
_TOLD_EVERY = 500
_SNIFFED_BYTES = 8000
"""As far as git itself looks for a NUL byte."""


class SymbolLine(Record):
    """Journal line: the changed symbols of one finished commit or window."""

    key: str
    """Version of the symbol pass and commit ids: whatever decides the symbols."""
    symbols: tuple[ChangedSymbol, ...]


def filter_commits(
    layout: Layout,
    repo: str,
    *,
    policy: FilterPolicy = FilterPolicy(),  # noqa: B008  # frozen
    progress: Progress = silent,
) -> StageReport:
    """Judge every commit of a pinned history and write the table.

    Args:
        layout: The workspace.
        repo: Key of the repository.
        policy: The numbers.
        progress: Told about commits walked, then about commits whose symbols are read.

    Raises:
        CheckError: The snapshot was not checked, or failed.
        SourceError: No commit of the history touches Python.
        GitError: An object is missing, or git failed otherwise.
        BusyError: Another run holds the partition.
    """
    with partition_lock(layout, ASSET, repo):
        upstream = require_checked(layout, _SNAPSHOTS, repo)
        total = _snapshot(layout, repo).commits
        judged = judge_history(
            layout.snapshot(repo), repo, policy=policy, total=total, progress=progress
        )
        rows = with_symbols(layout, repo, judged, progress=progress)
        manifest = seal_table(
            layout,
            ASSET,
            repo,
            rows,
            CommitRow,
            reasons=(row.reason or _QUALIFIED for row in rows),
            inputs=(upstream,),
            policy=policy.canonical_json(),
        )
    return _report(layout, manifest, rows)


def check_commits(layout: Layout, repo: str) -> CheckReport:
    """Blocking check of the finished table."""
    manifest = read_record(layout.manifest(ASSET, repo), AssetManifest)
    rows = read_table(layout.table(ASSET, repo), CommitRow)
    found = findings(rows, commits=_snapshot(layout, repo).commits)
    return write_check(layout, manifest, found)


def judge_history(  # noqa: PLR0913  # revision and total are for callers without a snapshot
    clone: Path,
    repo: str,
    *,
    policy: FilterPolicy,
    revision: str = PINNED,
    total: int = 0,
    progress: Progress = silent,
) -> tuple[CommitRow, ...]:
    """Verdicts without symbols, newest first by committer date, then by id.

    Args:
        clone: Git directory.
        repo: Key of the repository, for the rows.
        policy: The numbers.
        revision: Where the history ends.
        total: Commits expected, for the progress; 0 where unknown.
        progress: Told every 500 commits.

    Raises:
        GitError: As ``filter_commits``.
        SourceError: As ``filter_commits``.
    """
    with object_reader(clone) as reader:
        commits = _told(walk(clone, revision), total, progress)
        rows = judge_commits(repo, commits, _GitEvidence(clone, reader), policy)
    if not any(_touches_python(row) for row in rows):
        raise SourceError(
            f"{clone}: none of {len(rows)} commits touches a .py file, expected a Python "
            "project: check the address and revision in its entry, or remove it"
        )
    return rows


def with_symbols(
    layout: Layout, repo: str, rows: Sequence[CommitRow], *, progress: Progress = silent
) -> tuple[CommitRow, ...]:
    """The same rows with the changed symbols of the qualified ones.

    Each finished commit is journalled, so that a killed run reads none of them twice.

    Raises:
        GitError: An object is missing.
    """
    path = layout.journal(ASSET, repo)
    known = {line.key: line.symbols for line in read_journal(path, SymbolLine)}
    missing = [row for row in rows if row.qualified and _key(row) not in known]
    with symbol_reader(layout.snapshot(repo)) as reader:
        for number, row in enumerate(missing, 1):
            # A window's commits touch different files, so their symbols add up.
            symbols = tuple(symbol for sha in row.window for symbol in reader.changed(sha))
            line = SymbolLine(key=_key(row), symbols=symbols)
            append_journal(path, line)
            known[line.key] = symbols
            progress(number, len(missing), f"symbols of {row.sha[:12]}")
    return tuple(
        row.model_copy(update={"symbols": known[_key(row)]}) if row.qualified else row
        for row in rows
    )


class _GitEvidence:
    """Facts beyond the walk, read from the clone."""

    def __init__(self, clone: Path, reader: ObjectReader) -> None:
        self._clone = clone
        self._reader = reader

    def is_binary(self, change: FileChange) -> bool:
        return any(b"\0" in side[:_SNIFFED_BYTES] for side in self._sides(change))

    def line_counts(self, shas: Sequence[str]) -> Mapping[str, LineCounts]:
        return dict(line_counts(self._clone, shas))

    def texts(self, change: FileChange) -> tuple[str, str]:
        before, after = self._sides(change)
        return before.decode("utf-8", "replace"), after.decode("utf-8", "replace")

    def test_modules(self, sha: str) -> tuple[str, ...]:
        return self._reader.paths(sha, is_test_module)

    def _sides(self, change: FileChange) -> tuple[bytes, bytes]:
        before = b"" if change.old_mode == ABSENT else self._reader.read(change.old_blob)
        after = b"" if change.new_mode == ABSENT else self._reader.read(change.new_blob)
        return before, after


def _told(
    commits: Iterable[HistoryCommit], total: int, progress: Progress
) -> Iterator[HistoryCommit]:
    """The same commits, with word of them now and then."""
    for number, commit in enumerate(commits, 1):
        if number % _TOLD_EVERY == 0:
            progress(number, max(total, number), "commits walked")
        yield commit


def _touches_python(row: CommitRow) -> bool:
    files = (*row.source_files, *row.test_files, *row.other_files)
    return any(path.endswith(".py") for path in files)


def _snapshot(layout: Layout, repo: str) -> RepoSnapshot:
    path = layout.table(_SNAPSHOTS, repo)
    rows = read_table(path, RepoSnapshot)
    if len(rows) != 1:
        raise StoreError(
            f"{path}: {len(rows)} rows, expected one; run: cra-pipeline run {_SNAPSHOTS} "
            f"--repo {repo}"
        )
    return rows[0]


def _key(row: CommitRow) -> str:
    return f"{_SYMBOL_RULES}:{'+'.join(row.window)}"


def _report(layout: Layout, manifest: AssetManifest, rows: Sequence[CommitRow]) -> StageReport:
    losses = attrition(rows)
    bars = [(loss.reason, loss.rejected) for loss in losses if loss.rejected]
    bars.append((_QUALIFIED, sum(row.qualified for row in rows)))
    plot = bar_plot(
        f"{manifest.partition}: what became of {len(rows)} commits",
        bars,
        unit="commits",
        cache=layout.scratch / "matplotlib",
    )
    return StageReport(manifest=manifest, preview=preview(losses), plot=plot)
