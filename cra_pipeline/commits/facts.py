"""What the rules may know of a commit, gathered step by step.

A fact that a later step gathers is None before it. No test result is among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from cra_pipeline.commits.paths import SortedPaths, is_python, is_test, sort_paths
from cra_pipeline.contracts.history import HistoryCommit

LineCounts = dict[str, tuple[int, int] | None]
"""(added, deleted) by ``.py`` path; None for a file that holds no text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A commit and what is known of it so far."""

    commit: HistoryCommit
    paths: SortedPaths
    binary: tuple[str, ...] = ()
    """Changed files that hold no text; looked for only where no ``.py`` file changed."""
    lines: LineCounts | None = None
    new_symbols: tuple[str, ...] | None = None
    """Functions and classes that the change defines; looked for only in changes of many files."""
    related_tests: tuple[str, ...] | None = None

    @property
    def python_files(self) -> int:
        """Changed ``.py`` files, scaffolding such as ``setup.py`` included."""
        files = self.commit.files
        return sum(is_python(change.path) and not change.is_special() for change in files)

    @property
    def touched_tests(self) -> tuple[str, ...]:
        """Changed files of the tests, their data included."""
        return (*self.paths.tests, *(path for path in self.paths.others if is_test(path)))

    @property
    def added(self) -> int:
        """Added lines in ``.py`` files; 0 before they are counted."""
        return sum(count[0] for count in (self.lines or {}).values() if count)

    @property
    def deleted(self) -> int:
        """Deleted lines in ``.py`` files; 0 before they are counted."""
        return sum(count[1] for count in (self.lines or {}).values() if count)


def first_facts(commit: HistoryCommit) -> Facts:
    """What the walk alone tells: symlinks and submodules are no ``.py`` files."""
    special = {change.path for change in commit.files if change.is_special()}
    paths = sort_paths(change.path for change in commit.files if change.path not in special)
    if special:
        others = tuple(sorted({*paths.others, *special}))
        paths = SortedPaths(paths.sources, paths.tests, others)
    return Facts(commit=commit, paths=paths)
