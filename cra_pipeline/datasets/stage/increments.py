"""``round_increment``: what a round adds, over all of its repositories."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.tasks import AttemptRow, TaskRow
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.increment import (
    CommitFacts,
    Evidence,
    Increment,
    IncrementPolicy,
    merged,
    offered,
)
from cra_pipeline.datasets.line import Line
from cra_pipeline.datasets.mining import MiningPolicy, mined, system_text
from cra_pipeline.datasets.stage.commits import COMMITS, own_commits
from cra_pipeline.datasets.stage.lines import changes_of, line_of
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.calls import attempt_calls
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_record, read_table

ASSET = "round_increment"
_READ = ("attempts", "triples", "preference_pairs")


def add_round(
    layout: Layout,
    round_name: str,
    *,
    policy: IncrementPolicy | None = None,
    mining: MiningPolicy | None = None,
    progress: Progress = silent,
) -> StageReport:
    """Write the candidates of every repository of a round that is not held out.

    Args:
        layout: The workspace.
        round_name: An opened round.
        policy: Which logged calls and pairs are candidates.
        mining: Which commits are that nobody attempted; the check mines by the house's own numbers.
        progress: Told after each repository.

    Raises:
        RoundError: The round is not opened.
        CheckError: A repository's commits, triples or pairs are missing or failed their check.
        BusyError: Another run is at work on this round.
    """
    rules, mining = policy or IncrementPolicy(), mining or MiningPolicy()
    with partition_lock(layout, ASSET, round_name):
        line = line_of(layout, round_name)
        repos = [name for name, _ in line.record.pins if name not in line.record.held_out]
        inputs: list[Input] = []
        parts: list[Increment] = []
        for number, repo in enumerate(repos):
            key = f"{repo}|{round_name}"
            inputs += [require_checked(layout, asset, key) for asset in _READ]
            # The snapshot tells domain and licence, which the rows repeat.
            inputs += [require_checked(layout, name, repo) for name in ("repo_snapshots", COMMITS)]
            evidence = evidence_of(layout, repo, line)
            parts += [offered(evidence, rules), mined_of(layout, repo, line, evidence, mining)]
            progress(number + 1, len(repos), repo)
        whole = merged(parts)
        manifest = seal_table(
            layout, ASSET, round_name, whole.rows, CandidateRow,
            reasons=_labels(whole), inputs=inputs,
            policy=json.dumps(
                {**dataclasses.asdict(rules), "mining": dataclasses.asdict(mining)}, sort_keys=True
            ),
        )  # fmt: skip
    return StageReport(manifest=manifest, preview=_preview(whole))


def _labels(whole: Increment) -> list[str]:
    rows = [f"{row.form} {row.call_kind}: candidate" for row in whole.rows]
    return [*rows, *whole.left_out.elements()]


def _preview(whole: Increment) -> tuple[dict[str, str], ...]:
    counts = Counter((row.adapter_kind, row.form, row.origin.source) for row in whole.rows)
    reasoned = Counter(row.adapter_kind for row in whole.rows if row.thinking)
    return tuple(
        {
            "kind": kind, "form": form, "source": source, "candidates": str(count),
            "with reasoning": str(reasoned[kind] if form == "sft" else 0),
        }
        for (kind, form, source), count in sorted(counts.items())
    )  # fmt: skip


def evidence_of(layout: Layout, repo: str, line: Line) -> Evidence:
    """What one repository offers to a line's round.

    Raises:
        StoreError: A table or a log is missing or damaged.
    """
    key = f"{repo}|{line.record.round}"
    triples = read_table(layout.table("triples", key), TripleRow)
    rows = read_table(layout.table("attempts", key), AttemptRow)
    attempts = {row.attempt_id: row for row in rows}
    return Evidence(
        triples=triples,
        pairs=read_table(layout.table("preference_pairs", key), PreferencePair),
        attempts=attempts,
        commits=commit_facts(
            layout, repo, line, {row.sha for row in triples}, of=line.record.round
        ),
        call=call_reader(layout, key, attempts),
    )


def mined_of(
    layout: Layout, repo: str, line: Line, evidence: Evidence, policy: MiningPolicy
) -> Increment:
    """Candidates of a repository's commits that nobody attempted.

    Where the agent logged no call of that kind, its words are not known, and there are none.

    Raises:
        StoreError: The commits table is missing or damaged.
    """
    system = system_text(evidence.triples)
    if not system:
        return Increment((), Counter({"commits: no logged system text": 1}))
    facts = partial(commit_facts, layout, repo, line, of=line.record.round)
    commits = own_commits(layout, repo, line, facts, policy)
    return mined(commits, line.record.round, system, policy)


def commit_facts(
    layout: Layout, repo: str, line: Line, commits: Iterable[str], *, of: str
) -> dict[str, CommitFacts]:
    """What git and the corpus say of some commits of a repository and round, by id."""
    (snapshot,) = read_table(layout.table("repo_snapshots", repo), RepoSnapshot)
    reach = line.reaches[repo][of].history
    wanted = sorted(set(commits))
    windows = windows_of(layout, repo)
    changes = changes_of(layout, repo, [sha for sha in wanted if sha in reach])
    return {
        sha: CommitFacts(
            domain=snapshot.domain,
            licence=snapshot.licence,
            patch_id=changes.get(sha, ""),
            committed_at=reach[sha][0] if sha in reach else 0,
            fault=line.fault(repo, windows.get(sha, (sha,)), [changes.get(sha, "")], of),
        )
        for sha in wanted
    }


def windows_of(layout: Layout, repo: str) -> dict[str, tuple[str, ...]]:
    """Commits that a task joins, itself last, by the commit that names it."""
    path = layout.table("tasks", repo)
    rows = read_table(path, TaskRow) if path.exists() else ()
    return {row.sha: (*(item for item in row.window if item != row.sha), row.sha) for row in rows}


def call_reader(
    layout: Layout, partition: str, attempts: Mapping[str, AttemptRow]
) -> Callable[[TripleRow], CallRecord]:
    """Finds the logged call of a triple; raises ``StoreError`` where the log lacks it."""

    @lru_cache(maxsize=8)
    def calls(attempt_id: str) -> dict[int, CallRecord]:
        campaign = attempts[attempt_id].campaign
        found = attempt_calls(layout, partition, campaign, attempt_id)
        return {record.number: record for record in found}

    def call(triple: TripleRow) -> CallRecord:
        found = calls(triple.attempt_id).get(triple.call_number)
        if found is None:
            raise StoreError(
                f"{partition}: attempt {triple.attempt_id[:12]} logged no call "
                f"{triple.call_number}: run the campaign again"
            )
        return found

    return call


def check_increment(layout: Layout, round_name: str) -> CheckReport:
    """Judge the candidates on disk against git and the logs, and store the result.

    Raises:
        StoreError: The table is missing or damaged.
    """
    from cra_pipeline.datasets.stage.proof import row_faults, witness

    manifest = read_record(layout.manifest(ASSET, round_name), AssetManifest)
    rows = read_table(layout.table(ASSET, round_name), CandidateRow)
    found = [] if len(rows) == manifest.rows else [f"{len(rows)} rows, expected {manifest.rows}"]
    found += row_faults(rows, witness(layout, round_name, changes=False))
    return write_check(layout, manifest, found)
