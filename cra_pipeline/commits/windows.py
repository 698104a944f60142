"""A fix and its test that landed in two nearby commits, joined into one change.

One commit changes source only, the other tests only, in either order, on one line of first
parents, and nothing in between touches their files. The later commit's row becomes the window:
it keeps the fix's message, for that is what asks for the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from cra_pipeline.commits.facts import Facts
from cra_pipeline.commits.paths import SortedPaths
from cra_pipeline.commits.policy import DAY, FilterPolicy
from cra_pipeline.commits.related import named_after


@dataclass(frozen=True, slots=True)
class Window:
    """Two commits that are one change."""

    earlier: Facts
    later: Facts

    @property
    def fix(self) -> Facts:
        """The one that changes source."""
        return self.earlier if self.earlier.paths.sources else self.later

    @property
    def test(self) -> Facts:
        """The one that changes tests."""
        return self.later if self.earlier.paths.sources else self.earlier

    def joined(self) -> Facts:
        """Both changes as one, under the later one's id and the fix's message.

        The files are disjoint, so counts add up exactly.
        """
        first, last = self.earlier, self.later
        parts = (first.paths, last.paths)
        touched = set(self.test.touched_tests)
        return replace(
            last,
            commit=replace(
                last.commit,
                message=self.fix.commit.message,
                files=(*first.commit.files, *last.commit.files),
            ),
            paths=SortedPaths(
                sources=tuple(sorted({path for part in parts for path in part.sources})),
                tests=tuple(sorted({path for part in parts for path in part.tests})),
                others=tuple(sorted({path for part in parts for path in part.others})),
            ),
            lines={**(first.lines or {}), **(last.lines or {})},
            new_symbols=self.fix.new_symbols,
            related_tests=tuple(
                path for path in self.fix.related_tests or () if path not in touched
            ),
        )


def find_windows(
    candidates: Mapping[str, Facts],
    parents: Mapping[str, tuple[str, ...]],
    touched: Callable[[str], frozenset[str]],
    tied: Callable[[Facts, Facts], bool],
    policy: FilterPolicy,
) -> tuple[Window, ...]:
    """Windows among the candidates, oldest first; a commit belongs to one window at most.

    Args:
        candidates: Commits that qualify, or lack nothing but a test, by id.
        parents: Parents of every commit of the history.
        touched: All paths that a commit changes.
        tied: Whether a test (second) uses what a fix (first) changed; asked only where their
            file names do not tie them already.
        policy: How far apart the two may lie.
    """
    used: set[str] = set()
    found: list[Window] = []
    order = sorted(
        candidates.values(), key=lambda facts: (facts.commit.committed_at, facts.commit.sha)
    )
    for later in order:
        for earlier in _nearby(later, candidates, parents, touched, policy):
            window = Window(earlier, later)
            if earlier.commit.sha in used or not _fits(window, tied, policy):
                continue
            used |= {earlier.commit.sha, later.commit.sha}
            found.append(window)
            break
    return tuple(found)


def _nearby(
    later: Facts,
    candidates: Mapping[str, Facts],
    parents: Mapping[str, tuple[str, ...]],
    touched: Callable[[str], frozenset[str]],
    policy: FilterPolicy,
) -> Iterator[Facts]:
    """Candidates among the first parents, the nearest first, as long as nothing is in the way."""
    between: set[str] = set()
    sha = later.commit.sha
    own = touched(sha)
    for _ in range(policy.window_commits):
        line = parents.get(sha, ())
        # A merge brings in files that the walk does not list: nothing can be said beyond it.
        if len(line) != 1:
            return
        sha = line[0]
        here = touched(sha)
        if (earlier := candidates.get(sha)) and not between & (own | here):
            yield earlier
        between |= here


def _fits(window: Window, tied: Callable[[Facts, Facts], bool], policy: FilterPolicy) -> bool:
    kinds = {bool(facts.paths.sources) for facts in (window.earlier, window.later)}
    if len(kinds) == 1 or window.fix.touched_tests or not window.test.paths.tests:
        return False
    apart = abs(window.later.commit.committed_at - window.earlier.commit.committed_at)
    if apart > policy.window_days * DAY:
        return False
    if {*window.earlier.paths.others} & {*window.later.paths.others}:
        return False
    pairs = [(s, t) for s in window.fix.paths.sources for t in window.test.paths.tests]
    return any(named_after(test, source) for source, test in pairs) or tied(window.fix, window.test)
