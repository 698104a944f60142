"""The filter once more, slowly: every fact of every commit read through PyDriller alone.

No git plumbing, no steps, no caches: all facts are gathered for all commits, and the rules are
asked in one flat loop. Equal verdicts on a whole repository show that the fast way loses nothing.
Only the windows are joined by the same code, from the facts gathered here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from git import Repo
from git.objects.submodule.base import Submodule
from pydriller.domain.commit import Commit, ModificationType
from pydriller.utils.conf import Conf

from cra_pipeline.commits.cascade import Judged, join_windows
from cra_pipeline.commits.definitions import new_names
from cra_pipeline.commits.facts import Facts, LineCounts, first_facts
from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.commits.related import is_test_module, related_tests
from cra_pipeline.commits.rows import commit_row
from cra_pipeline.commits.rules import (
    FROM_FILES,
    FROM_LINES,
    FROM_SYMBOLS,
    FROM_TREE,
    FROM_WALK,
    first_failure,
)
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.history import ABSENT, FileChange, HistoryCommit

_ALL_RULES = (*FROM_WALK, *FROM_FILES, *FROM_LINES, *FROM_SYMBOLS, *FROM_TREE)
_NO_BLOB = "0" * 40
_LATE = {rule.name for rule in FROM_TREE}


def reference_rows(
    clone: Path, repo: str, revision: str, policy: FilterPolicy
) -> tuple[CommitRow, ...]:
    """What ``judge_history`` should give."""
    opened = Repo(clone)
    try:
        return _rows(opened, repo, revision, policy)
    finally:
        opened.close()


def _rows(opened: Repo, repo: str, revision: str, policy: FilterPolicy) -> tuple[CommitRow, ...]:
    evidence = _Texts()
    judged: dict[str, Judged] = {}
    parents: dict[str, tuple[str, ...]] = {}
    for commit in pydriller_commits(opened, revision):
        facts = _facts(commit, evidence, policy)
        judged[commit.hash] = Judged(facts, first_failure(_ALL_RULES, facts, policy))
        parents[commit.hash] = tuple(commit.parents)
    open_to_joining = {
        sha: item
        for sha, item in judged.items()
        if item.rejection is None or item.rejection.reason in _LATE
    }
    judged |= join_windows(
        open_to_joining, parents, lambda sha: _touched(judged[sha].facts), evidence, policy
    )
    rows = [commit_row(repo, item, policy) for item in judged.values()]
    return tuple(sorted(rows, key=lambda row: (-row.committed_at, row.sha)))


def pydriller_commits(opened: Repo, revision: str) -> Iterator[Any]:
    """PyDriller's commits of a history, without its ``Git``, which writes into the clone."""
    conf = Conf({"path_to_repo": str(opened.git_dir)})
    for found in opened.iter_commits(revision):
        yield Commit(found, conf)


class _Texts:
    """Texts of the changed ``.py`` files seen so far, for the joining of windows."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, str], tuple[str, str]] = {}

    def keep(self, change: FileChange, before: bytes, after: bytes) -> None:
        self._texts[change.path, change.old_blob, change.new_blob] = (
            before.decode("utf-8", "replace"),
            after.decode("utf-8", "replace"),
        )

    def texts(self, change: FileChange) -> tuple[str, str]:
        return self._texts[change.path, change.old_blob, change.new_blob]

    def is_binary(self, change: FileChange) -> bool:
        raise NotImplementedError(change.path)

    def line_counts(self, shas: Sequence[str]) -> Mapping[str, LineCounts]:
        raise NotImplementedError(shas)

    def test_modules(self, sha: str) -> tuple[str, ...]:
        raise NotImplementedError(sha)


def _facts(commit: Any, evidence: _Texts, policy: FilterPolicy) -> Facts:  # noqa: ANN401  # untyped
    files: list[FileChange] = []
    lines: LineCounts = {}
    binary: list[str] = []
    texts: dict[str, tuple[str, str]] = {}
    for modified in commit.modified_files:
        for change, before, after, counts in _sides(modified, commit._c_object):
            files.append(change)
            if change.is_special():
                continue
            if any(b"\0" in side[:8000] for side in (before, after)):
                binary.append(change.path)
                lines |= {change.path: None} if change.path.endswith(".py") else {}
            elif change.path.endswith(".py"):
                lines[change.path] = counts
                evidence.keep(change, before, after)
                texts[change.path] = evidence.texts(change)
    facts = first_facts(_history_commit(commit, tuple(files)))
    tests = tuple(
        entry.path
        for entry in commit._c_object.tree.traverse()
        if entry.type == "blob" and entry.mode != 0o120000 and is_test_module(entry.path)
    )
    related = related_tests(facts.paths.sources, tests, limit=policy.max_related_tests)
    many = facts.python_files >= policy.meta_min_files
    new = new_names(texts[path] for path in facts.paths.sources if path in texts) if many else ()
    return replace(
        facts,
        binary=() if facts.python_files else tuple(binary),
        lines=lines,
        new_symbols=new,
        related_tests=tuple(path for path in related if path not in facts.paths.tests),
    )


def _sides(
    modified: Any,  # noqa: ANN401  # untyped
    commit: Any,  # noqa: ANN401  # untyped
) -> Iterator[tuple[FileChange, bytes, bytes, tuple[int, int]]]:
    """The change as one file, or a rename as a deleted and an added one."""
    diff = modified._c_diff
    old_blob, new_blob = diff.a_blob, diff.b_blob
    if renamed := modified.change_type is ModificationType.RENAME:
        # A rename without edits comes without blobs.
        old_blob = commit.parents[0].tree / modified.old_path
        new_blob = commit.tree / modified.new_path
    old, new = _side(old_blob, diff.a_mode), _side(new_blob, diff.b_mode)
    before, after = _content(old_blob), _content(new_blob)
    gone = (ABSENT, _NO_BLOB)
    if renamed:
        yield _change(modified.old_path, old, gone), before, b"", (0, _line_count(before))
        yield _change(modified.new_path, gone, new), b"", after, (_line_count(after), 0)
        return
    path = modified.new_path or modified.old_path
    old = gone if modified.change_type is ModificationType.ADD else old
    new = gone if modified.change_type is ModificationType.DELETE else new
    yield _change(path, old, new), before, after, (modified.added_lines, modified.deleted_lines)


def _side(blob: Any, mode: int | None) -> tuple[str, str]:  # noqa: ANN401  # untyped
    return _mode(mode or (blob.mode if blob else None)), blob.hexsha if blob else _NO_BLOB


def _content(blob: Any) -> bytes:  # noqa: ANN401  # untyped
    if blob is None or isinstance(blob, Submodule):
        return b""
    return bytes(blob.data_stream.read())


def _change(path: str, old: tuple[str, str], new: tuple[str, str]) -> FileChange:
    return FileChange(
        path=path,
        exact=True,
        old_mode=old[0],
        new_mode=new[0],
        old_blob=old[1],
        new_blob=new[1],
    )


def _history_commit(commit: Any, files: tuple[FileChange, ...]) -> HistoryCommit:  # noqa: ANN401
    raw = commit._c_object
    return HistoryCommit(
        sha=commit.hash,
        parents=tuple(commit.parents),
        author=commit.author.name or "",
        email=commit.author.email or "",
        authored_at=raw.authored_date,
        committed_at=raw.committed_date,
        message=raw.message.strip("\n"),
        files=() if len(commit.parents) > 1 else files,
    )


def _touched(facts: Facts) -> frozenset[str]:
    paths = facts.paths
    return frozenset((*paths.sources, *paths.tests, *paths.others))


def _mode(mode: int | None) -> str:
    return f"{mode:06o}" if mode else ABSENT


def _line_count(content: bytes) -> int:
    return content.count(b"\n") + bool(content and not content.endswith(b"\n"))
