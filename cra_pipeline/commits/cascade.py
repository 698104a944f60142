"""From a history to verdicts, gathering each fact only for the commits that got so far.

What the facts are read from is behind ``Evidence``; the order of the steps is that of ``rules``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cra_pipeline.commits.definitions import changed_names, mentions, new_names
from cra_pipeline.commits.facts import Facts, LineCounts, first_facts
from cra_pipeline.commits.paths import is_surely_binary
from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.commits.related import related_tests
from cra_pipeline.commits.rules import (
    FROM_FILES,
    FROM_LINES,
    FROM_SYMBOLS,
    FROM_TREE,
    FROM_WALK,
    JOINED,
    Rejection,
    first_failure,
)
from cra_pipeline.commits.windows import Window, find_windows
from cra_pipeline.contracts.history import FileChange, HistoryCommit

_NO_TESTS = FROM_TREE[0].name


class Evidence(Protocol):
    """Where facts beyond the walk come from."""

    def is_binary(self, change: FileChange) -> bool:
        """Whether either side of the file holds no text."""
        ...

    def line_counts(self, shas: Sequence[str]) -> Mapping[str, LineCounts]:
        """Added and deleted lines of every changed ``.py`` file, by commit."""
        ...

    def texts(self, change: FileChange) -> tuple[str, str]:
        """The file before and after; empty where absent."""
        ...

    def test_modules(self, sha: str) -> tuple[str, ...]:
        """All test modules in the commit's tree."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A commit's facts as far as they were gathered, and why it fell, if it did."""

    facts: Facts
    rejection: Rejection | None
    window: Window | None = None


def judge_walked(
    commits: Iterable[HistoryCommit], evidence: Evidence, policy: FilterPolicy
) -> Iterator[Judged]:
    """First steps, one commit at a time: what the walk and the kinds of files tell."""
    for commit in commits:
        facts = first_facts(commit)
        rejection = first_failure(FROM_WALK, facts, policy)
        if rejection is None:
            facts = _with_binary(facts, evidence)
            rejection = first_failure(FROM_FILES, facts, policy)
        yield Judged(facts, rejection)


def judge_survivors(
    survivors: Sequence[Facts], evidence: Evidence, policy: FilterPolicy
) -> Iterator[Judged]:
    """Later steps: lines, definitions, tests; in the order given."""
    counts = evidence.line_counts([facts.commit.sha for facts in survivors])
    for survivor in survivors:
        facts = replace(survivor, lines=counts.get(survivor.commit.sha, {}))
        rejection = first_failure(FROM_LINES, facts, policy)
        if rejection is None:
            facts = with_definitions(facts, evidence, policy)
            rejection = first_failure(FROM_SYMBOLS, facts, policy)
        if rejection is None:
            facts = _with_related(facts, evidence, policy)
            rejection = first_failure(FROM_TREE, facts, policy)
        yield Judged(facts, rejection)


def join_windows(
    judged: Mapping[str, Judged],
    parents: Mapping[str, tuple[str, ...]],
    touched: Callable[[str], frozenset[str]],
    evidence: Evidence,
    policy: FilterPolicy,
) -> dict[str, Judged]:
    """Verdicts that change because a fix and its test belong together, by commit id.

    Args:
        judged: Results of ``judge_survivors``, by commit id.
        parents: Parents of every commit.
        touched: All paths that a commit changes.
        evidence: Texts, to tie a test to a fix by the names it uses.
        policy: The numbers.
    """
    changed: dict[str, Judged] = {}
    candidates = {sha: item.facts for sha, item in judged.items() if _may_join(item)}
    windows = find_windows(
        candidates,
        parents,
        touched,
        lambda fix, test: _uses(fix, test, evidence),
        policy,
    )
    for window in windows:
        facts = with_definitions(window.joined(), evidence, policy)
        steps = (FROM_FILES, FROM_LINES, FROM_SYMBOLS, FROM_TREE)
        if any(first_failure(step, facts, policy) for step in steps):
            continue
        later = window.later.commit.sha
        changed[later] = Judged(facts, None, window)
        changed[window.earlier.commit.sha] = Judged(
            window.earlier, Rejection(JOINED, f"one change with {later}", f"see {later}")
        )
    return changed


def with_definitions(facts: Facts, evidence: Evidence, policy: FilterPolicy) -> Facts:
    """Look for new symbols where so many files changed that they decide something."""
    if facts.python_files < policy.meta_min_files:
        return replace(facts, new_symbols=())
    sources = set(facts.paths.sources)
    texts = [evidence.texts(file) for file in facts.commit.files if file.path in sources]
    return replace(facts, new_symbols=new_names(texts))


def _may_join(item: Judged) -> bool:
    return item.rejection is None or item.rejection.reason == _NO_TESTS


def _with_binary(facts: Facts, evidence: Evidence) -> Facts:
    if facts.python_files:
        return facts
    ordinary = (change for change in facts.commit.files if not change.is_special())
    found = (
        change.path
        for change in ordinary
        if is_surely_binary(change.path) or evidence.is_binary(change)
    )
    return replace(facts, binary=tuple(found))


def _with_related(facts: Facts, evidence: Evidence, policy: FilterPolicy) -> Facts:
    if not facts.paths.sources:
        return replace(facts, related_tests=())
    tests = evidence.test_modules(facts.commit.sha)
    found = related_tests(facts.paths.sources, tests, limit=policy.max_related_tests)
    touched = set(facts.paths.tests)
    return replace(facts, related_tests=tuple(path for path in found if path not in touched))


def _uses(fix: Facts, test: Facts, evidence: Evidence) -> bool:
    sources, tests = set(fix.paths.sources), set(test.paths.tests)
    names = frozenset[str]().union(
        *(changed_names(*evidence.texts(file)) for file in fix.commit.files if file.path in sources)
    )
    return any(
        mentions(names, *evidence.texts(file)) for file in test.commit.files if file.path in tests
    )
