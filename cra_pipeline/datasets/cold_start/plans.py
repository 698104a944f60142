"""Plan documents in a history, and how good each was by what followed it.

A person or an assistant commits a plan, then the work follows or does not. The rule sees commits
only: which files the plan names, what was done to them while the plan was fresh, and whether
another plan for the same files took its place.

| What followed | Label | Use |
|---|---|---|
| its files were changed, hardly mended | ``good`` | imitate, prefer |
| some small mends | ``fine`` | imitate only: as a preference it would be noise |
| a rewrite of what it led to, or a new plan | ``bad`` | rejected against the new plan |
| nothing | ``abandoned`` | rejected where an alternative exists, else dropped |
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

PlanLabel = Literal["good", "fine", "bad", "abandoned"]

_NAME = re.compile(
    r"(?:^|[/_.-])(?:plan|plans|roadmap|implementation[_-]plan)(?:[/_.-]|$)", re.IGNORECASE
)
_ENDS = (".md", ".rst", ".txt")
_STEP = re.compile(
    r"^\s*(?:[-*+]\s|\d+[.)]\s|#{1,6}\s*(?:step|phase|part)\b)", re.MULTILINE | re.IGNORECASE
)
_PATH = re.compile(r"(?<![\w./-])[\w./-]*\w\.(?:py|pyi)\b")
_MEND = re.compile(r"\b(?:fix(?:es|ed)?|bug(?:fix)?|hotfix|repair|correct)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """The numbers of judging plans.

    Attributes:
        fresh_s: Seconds after its commit in which a plan counts as being followed.
        least_steps: Listed steps from which on a text is a plan.
        covered: Share of the named files that must be changed for it to count as followed.
        few_mends: Share of mends among the commits that followed, up to which it is ``fine``.
        rewrite: Deleted lines of a later commit, as a share of those that the work added, from
            which on it is a rewrite.
    """

    fresh_s: int = 30 * 24 * 3600
    least_steps: int = 3
    covered: float = 0.5
    few_mends: float = 0.5
    rewrite: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A later commit as the rule sees it.

    Attributes:
        sha: Full id.
        committed_at: Committer date in seconds since the epoch.
        subject: First line of its message.
        lines: Added and deleted lines by changed path.
    """

    sha: str
    committed_at: int
    subject: str
    lines: tuple[tuple[str, int, int], ...]

    @property
    def paths(self) -> frozenset[str]:
        """Changed files."""
        return frozenset(path for path, _, _ in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDocument:
    """A plan as it was committed first.

    Attributes:
        path: The document.
        sha: The commit.
        committed_at: Its committer date in seconds since the epoch.
        names: Code files that the text names, sorted.
    """

    path: str
    sha: str
    committed_at: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanVerdict:
    """What became of a plan.

    Attributes:
        reason: In words.
        followed_by: Commits that worked on its files, in order.
        replaced_by: Commit of the plan that took its place; empty where none did.
    """

    label: PlanLabel
    reason: str
    followed_by: tuple[str, ...]
    replaced_by: str = ""

    @property
    def imitate(self) -> bool:
        """Whether it may be a completion to imitate."""
        return self.label in {"good", "fine"}

    @property
    def prefer(self) -> bool:
        """Whether it may be the chosen side of a pair."""
        return self.label == "good"

    @property
    def reject(self) -> bool:
        """Whether it may be the rejected side: only against the plan that took its place."""
        return self.label in {"bad", "abandoned"} and bool(self.replaced_by)


def plan_document(  # noqa: PLR0913  # a file of a commit
    path: str,
    text: str,
    *,
    sha: str,
    committed_at: int,
    files: Iterable[str],
    policy: PlanPolicy | None = None,
) -> PlanDocument | None:
    """The plan that a document is; None where it is none.

    Args:
        path: The document.
        text: Its text in the commit that added it.
        sha: That commit.
        committed_at: Its committer date.
        files: Paths of the repository then and later: a plan may name files to come.
        policy: The numbers.
    """
    rules = policy or PlanPolicy()
    if not may_be_plan(path):
        return None
    if len(_STEP.findall(text)) < rules.least_steps:
        return None
    known = set(files)
    said = {posixpath.normpath(word) for word in _PATH.findall(text)}
    ends = {word for word in said if "/" not in word}
    names = sorted(name for name in known if name in said or posixpath.basename(name) in ends)
    if not names:
        return None
    return PlanDocument(path=path, sha=sha, committed_at=committed_at, names=tuple(names))


def may_be_plan(path: str) -> bool:
    """Whether a file's name says that it may hold a plan."""
    return path.lower().endswith(_ENDS) and bool(_NAME.search(path))


def judged_plan(
    plan: PlanDocument,
    later: Sequence[Followed],
    plans: Iterable[PlanDocument] = (),
    policy: PlanPolicy | None = None,
) -> PlanVerdict:
    """What became of a plan.

    Args:
        plan: The plan.
        later: Commits after its own, oldest first.
        plans: Other plans of the repository.
        policy: The numbers.
    """
    rules = policy or PlanPolicy()
    names = set(plan.names)
    fresh = [
        commit
        for commit in later
        if commit.committed_at - plan.committed_at <= rules.fresh_s and commit.paths & names
    ]
    replaced = _replacement(plan, plans, rules)
    followed_by = tuple(commit.sha for commit in fresh)
    touched = set().union(*(commit.paths & names for commit in fresh)) if fresh else set()
    if len(touched) < rules.covered * len(names):
        reason = f"{len(touched)} of {len(names)} named files were changed"
        return PlanVerdict(
            label="abandoned", reason=reason, followed_by=followed_by, replaced_by=replaced
        )
    if replaced:
        return PlanVerdict(
            label="bad", reason="a new plan", followed_by=followed_by, replaced_by=replaced
        )
    label, reason = _by_work(fresh, names, rules)
    return PlanVerdict(label=label, reason=reason, followed_by=followed_by)


def _by_work(
    fresh: Sequence[Followed], names: set[str], rules: PlanPolicy
) -> tuple[PlanLabel, str]:
    mends = [commit for commit in fresh if _MEND.search(commit.subject)]
    added = 0
    for commit in fresh:
        deleted = sum(gone for path, _, gone in commit.lines if path in names)
        if added and deleted >= rules.rewrite * added:
            return "bad", f"{commit.sha[:12]} deletes {deleted} of {added} lines that came of it"
        added += sum(new for path, new, _ in commit.lines if path in names)
    if not mends:
        return "good", f"{len(fresh)} commits, no mend"
    if len(mends) <= rules.few_mends * len(fresh):
        return "fine", f"{len(mends)} mends in {len(fresh)} commits"
    return "bad", f"{len(mends)} mends in {len(fresh)} commits"


def _replacement(plan: PlanDocument, plans: Iterable[PlanDocument], rules: PlanPolicy) -> str:
    """The next plan for mostly the same files while this one was fresh; empty where none is."""
    names = set(plan.names)
    rivals = sorted(
        (other.committed_at, other.sha)
        for other in plans
        if other.sha != plan.sha
        and 0 <= other.committed_at - plan.committed_at <= rules.fresh_s
        and len(names & set(other.names)) >= rules.covered * len(names)
    )
    return rivals[0][1] if rivals else ""
