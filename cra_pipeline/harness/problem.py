"""One commit taken apart: what an agent has to find, what is hidden, what is run.

Pure. The change of a commit has two sides: the *gold* side is everything that is no test, the
*hidden* side belongs to the judge and is laid over every candidate, whatever it did there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.testrun import TestRunReport
from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.harness.policy import Seeds
from cra_pipeline.harness.selection import (
    is_guarded,
    kept_edits,
    steers,
)

LATIN = "latin-1"
_BINARY = b"\0"
_ENCODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


class Bench(Protocol):
    """Runs test files over one base tree and some layers."""

    def run(
        self,
        layers: Sequence[Mapping[str, Blob]],
        deleted: Sequence[str],
        test_files: Sequence[str],
        seeds: Seeds,
    ) -> TestRunReport:
        """Run once; a sandbox that did not start is an ending, not an exception."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything that proving or judging needs to know of one commit.

    Attributes:
        commit: The filter's row.
        gold: Change of everything that is no test.
        hidden: Change of tests, their data, and settings of the test runner.
        restored: Protected files with the commit's content; laid over every candidate.
        test_files: Test files that are run, sorted.
        import_roots: Folders from which the tree's modules are imported.
        lock_hash: Environment in which the tests run.
    """

    commit: CommitRow
    gold: TreeChange
    hidden: TreeChange
    restored: Mapping[str, Blob]
    test_files: tuple[str, ...]
    import_roots: tuple[str, ...]
    lock_hash: str

    @property
    def task_id(self) -> str:
        """``<repo>-<first 12 digits of sha>``."""
        return f"{self.commit.repo}-{self.commit.sha[:12]}"

    @property
    def protected(self) -> tuple[str, ...]:
        """Restored before every run, sorted."""
        return tuple(sorted(self.restored))


def split_change(change: TreeChange, test_files: Collection[str]) -> tuple[TreeChange, TreeChange]:
    """Gold side and hidden side of a commit's change.

    Args:
        change: The whole change.
        test_files: What the filter calls test files, beside what the judge guards anyway.
    """
    hidden = [path for path in change.paths if path in test_files or is_guarded(path)]
    return change.without(hidden), change.only(hidden)


def run_over(bench: Bench, problem: Problem, candidate: TreeChange, seeds: Seeds) -> TestRunReport:
    """Run a problem's tests over the base with a candidate and the hidden side on top.

    What a candidate does in the judge's places is dropped; the scan looks at it elsewhere.

    Args:
        bench: Over the problem's base tree.
        problem: Gives the hidden side.
        candidate: A change of the base; an empty one is the no-op.
        seeds: Of order and of hashes.
    """
    kept = candidate.only(kept_edits(candidate.paths, problem.restored))
    over = TreeChange(
        {**kept.before, **problem.hidden.before},
        {**kept.after, **problem.hidden.after, **problem.restored},
    )
    layers = [kept.after, {**problem.hidden.after, **problem.restored}]
    return bench.run(layers, over.deleted, problem.test_files, seeds)


def reviewed(candidate: TreeChange) -> TreeChange:
    """The part of a candidate that the scan has to answer for.

    Ordinary tests and their data are what an agent is expected to write; they are dropped and
    replaced by the hidden ones. Settings, ``conftest`` and start-up files it need not touch.
    """
    dropped = [path for path in candidate.paths if is_guarded(path) and not steers(path)]
    return candidate.without(dropped)


def text_of(blob: Blob) -> str:
    """A file as text that ``blob_like`` turns back to the byte.

    Raises:
        ValueError: It is binary, a link or a submodule.
    """
    if blob.mode not in {"100644", "100755"} or _BINARY in blob.content:
        raise ValueError("no text")
    try:
        return blob.content.decode()
    except UnicodeDecodeError:
        return blob.content.decode(LATIN)


def blob_like(text: str, old: Blob | None) -> Blob:
    """A file with new text, in mode and encoding of its earlier version.

    A version that was no UTF-8 is written as Latin-1 again, if the new text allows it; so is a
    new file that declares another encoding, because Python would read it by that.
    """
    mode = "100644" if old is None else old.mode
    latin = _declares_other(text) if old is None else not _is_utf8(old.content)
    if latin:
        try:
            return Blob(mode, text.encode(LATIN))
        except UnicodeEncodeError:
            return Blob(mode, text.encode())
    return Blob(mode, text.encode())


def _declares_other(text: str) -> bool:
    """Whether one of the first two lines names an encoding that is not UTF-8 (PEP 263)."""
    named = [_ENCODING.match(line) for line in text.splitlines()[:2]]
    return any(match[1].lower().replace("_", "-") != "utf-8" for match in named if match)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def texts_of(files: Mapping[str, Blob]) -> dict[str, str]:
    """All files as text.

    Raises:
        ValueError: One of them is none; the message names it.
    """
    found: dict[str, str] = {}
    for path, blob in sorted(files.items()):
        try:
            found[path] = text_of(blob)
        except ValueError as error:
            raise ValueError(f"{path}: binary, link or submodule: no text to propose") from error
    return found
