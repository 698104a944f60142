"""On which side of a round's line a commit lies: for training, or kept out. Pure.

Nothing but the round records and what git says decides. A date alone is no proof: a commit whose
own date was set back, but which was built on one after the cut-off, lies beyond the line with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.rounds import RoundRecord, round_number, round_of_commit

History = Mapping[str, tuple[int, tuple[str, ...]]]
"""Committer date and parents by commit id, of all that a pin reaches, children first."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What one round's pin of one repository reaches."""

    history: History
    beyond: frozenset[str]
    """Of these, the commits that lie after the round's cut-off or were built on such a one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One round's line.

    Attributes:
        record: Of the round.
        rounds: Records of all rounds up to this one.
        reaches: Of each repository, by round name.
        kept_out: Ids of all commits of held-out repositories.
        kept_out_changes: Patch ids of what is kept out.
    """

    record: RoundRecord
    rounds: tuple[RoundRecord, ...]
    reaches: Mapping[str, Mapping[str, Reach]]
    kept_out: Collection[str]
    kept_out_changes: Collection[str] = ()

    def fault(self, repo: str, commits: Sequence[str], changes: Iterable[str], of: str) -> str:
        """Why a change may not train this round's adapters, as a code; empty where it may.

        Args:
            repo: Key under which the change is known.
            commits: Its commit ids; the last one names it.
            changes: Its patch ids.
            of: Round that it is said to belong to, this one or an earlier one.
        """
        if repo in self.record.held_out:
            return "held_out_repository"
        # By id: a held-out repository stays one under another name.
        if not {*commits}.isdisjoint(self.kept_out):
            return "held_out_commit"
        if not {*changes}.isdisjoint(self.kept_out_changes):
            return "held_out_change"
        return self._misplaced(repo, commits, of)

    def _misplaced(self, repo: str, commits: Sequence[str], of: str) -> str:
        record = next((item for item in self.rounds if item.round == of), None)
        reach = self.reaches.get(repo, {}).get(of)
        if record is None or reach is None:
            return "repository_not_in_round"
        if any(sha not in reach.history for sha in commits):
            return "not_reached_by_pin"
        if any(reach.history[sha][0] > record.cut_off for sha in commits):
            return "after_cut_off"
        if not reach.beyond.isdisjoint(commits):
            return "built_on_later_commit"
        sha = commits[-1]
        reaching = [name for name, item in self.reaches[repo].items() if sha in item.history]
        belongs = round_of_commit(reach.history[sha][0], reaching, self.rounds)
        return "" if belongs == of else "other_round"


def rounds_up_to(record: RoundRecord, rounds: Iterable[RoundRecord]) -> tuple[RoundRecord, ...]:
    """Records of a round and all before it, in order."""
    number = round_number(record.round)
    found = [item for item in rounds if round_number(item.round) <= number]
    return tuple(sorted(found, key=lambda item: round_number(item.round)))


def beyond(history: History, cut_off: int) -> frozenset[str]:
    """Commits dated after a cut-off, and all that were built on one of them."""
    found: set[str] = set()
    # Parents first, so that one pass carries the mark on to every child.
    for sha in reversed(list(history)):
        date, parents = history[sha]
        if date > cut_off or not found.isdisjoint(parents):
            found.add(sha)
    return frozenset(found)
