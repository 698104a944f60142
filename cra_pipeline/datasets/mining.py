"""Examples and pairs from a round's own commits that nobody attempted. Pure.

Two sorts, both written as the agent would have asked for one file (``execute_code``):

- a commit that leaves a file which lets errors show (``failfast``) is imitated; style is taught by
  good examples alone, so no other commit is;
- a commit that hardens one function is preferred to the code before it (``favor``).

They belong to the round of their commit, lie on the same side of its line as its attempts would,
and count for their repository's domain. Logged rows come first wherever there is no room for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.datasets import CandidateRow, DpoExample, SftExample, candidate
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.datasets.cold_start.examples import CALL, sft_example
from cra_pipeline.datasets.cold_start.favor import FavorPolicy, favored
from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted
from cra_pipeline.datasets.facts import rank
from cra_pipeline.datasets.failfast import FailFastPolicy, counted, score, verdict
from cra_pipeline.datasets.increment import CommitFacts, Increment

STYLE = "fail_fast"
"""Label of examples whose file lets errors show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningPolicy:
    """How many commits are looked at, and which are good enough.

    Attributes:
        commits: Of each repository and round, drawn by id: enough for style, and few beside the
            hundreds of logged calls that an attempted commit gives. Of 60 commits of attrs,
            structlog, click and black each, 20 to 52 were imitated and one in 240 gave a pair, at
            0.7 to 8 seconds of processor time for each repository.
        seed: Of the draw.
        favor: Which commits judge the code before them.
        fail_fast: From which score on a file is imitated.
    """

    commits: int = 60
    seed: int = 0
    favor: FavorPolicy = field(default_factory=FavorPolicy)
    fail_fast: FailFastPolicy = field(default_factory=FailFastPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedCommit:
    """A commit to one source file.

    Attributes:
        row: As the commits table has it.
        facts: What git and the corpus say of it.
        before: The file before it.
        after: The file after it.
    """

    row: CommitRow
    facts: CommitFacts
    before: str
    after: str


def eligible(rows: Iterable[CommitRow]) -> tuple[CommitRow, ...]:
    """Qualified commits to one source file that no other change joins, sorted by id.

    What a later change joins with others is part of that one's task, which may be kept out.
    """
    known = list(rows)
    joined = {sha for row in known for sha in row.window if sha != row.sha}
    return tuple(
        sorted(
            (
                row
                for row in known
                if row.qualified
                and row.window == (row.sha,)
                and row.sha not in joined
                and len(row.source_files) == 1
                and row.base_sha
            ),
            key=lambda row: row.sha,
        )
    )


def drawn(rows: Iterable[CommitRow], policy: MiningPolicy) -> tuple[CommitRow, ...]:
    """The commits to look at, whatever order they come in."""
    return tuple(sorted(rows, key=lambda row: rank(row.sha, policy.seed))[: policy.commits])


def system_text(triples: Iterable[TripleRow]) -> str:
    """The system text that the agent logged for the call, the most frequent one; else empty."""
    told = Counter(
        row.system
        for row in triples
        if row.call_kind == CALL and row.prompt_source == "logged" and row.system
    )
    return min(told, key=lambda text: (-told[text], text), default="")


def mined(
    commits: Iterable[MinedCommit], round_name: str, system: str, policy: MiningPolicy
) -> Increment:
    """Candidates of some commits, and why others give none."""
    left_out: Counter[str] = Counter()
    rows: dict[str, CandidateRow] = {}
    for commit in commits:
        for form, item in rows_of(commit, round_name, system, policy):
            if isinstance(item, str):
                left_out[f"{form} commit: {item}"] += 1
            else:
                rows[item.example_id] = item
    return Increment(tuple(rows[name] for name in sorted(rows)), left_out)


def rows_of(
    commit: MinedCommit, round_name: str, system: str, policy: MiningPolicy
) -> Iterator[tuple[str, CandidateRow | str]]:
    """What one commit gives of each form, or why it gives nothing, as a code."""
    if commit.facts.fault:
        yield from (("sft", commit.facts.fault), ("dpo", commit.facts.fault))
        return
    (path,) = commit.row.source_files
    wanted = Wanted(
        task=commit.row.message,
        path=path,
        before=commit.before,
        after=commit.after,
        sha=commit.row.sha,
    )
    told = PublishedRow(dataset=commit.row.repo, licence=commit.facts.licence, row=path, texts={})
    style = _unfit_style(commit.after, policy) or sft_example(told, wanted, system)
    yield "sft", _candidate(style, commit, round_name)
    yield "dpo", _candidate(favored(told, wanted, system, policy.favor), commit, round_name)


def _unfit_style(text: str, policy: MiningPolicy) -> Dropped | None:
    counts = counted(text)
    if counts is None:
        return Dropped("not_python")
    total = score(counts, policy.fail_fast).total
    return None if verdict(total, policy.fail_fast) == "strong" else Dropped("not_fail_fast")


def _candidate(
    made: SftExample | DpoExample | Dropped, commit: MinedCommit, round_name: str
) -> CandidateRow | str:
    if isinstance(made, Dropped):
        return made.reason
    row = candidate(made)
    origin = made.origin.model_copy(
        update={
            "source": "synthetic",
            "domain": commit.facts.domain,
            "patch_id": commit.facts.patch_id,
            "committed_at": commit.facts.committed_at,
        }
    )
    label = STYLE if isinstance(made, SftExample) else row.label
    return row.model_copy(update={"round": round_name, "label": label, "origin": origin})
