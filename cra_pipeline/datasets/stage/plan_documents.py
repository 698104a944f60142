"""``plan_documents``: plans that a round's histories hold, judged by what followed them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator

from cra_pipeline.contracts.datasets import Origin, PlanDocumentRow
from cra_pipeline.contracts.history import ABSENT, HistoryCommit
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.cold_start.plans import (
    Followed,
    PlanDocument,
    PlanPolicy,
    judged_plan,
    may_be_plan,
    plan_document,
)
from cra_pipeline.datasets.line import Line
from cra_pipeline.datasets.stage.lines import line_of
from cra_pipeline.datasets.stage.takedowns import takedown_rule
from cra_pipeline.datasets.takedown import TakenDown
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    read_table,
    rows_content_id,
)
from cra_pipeline.integrations.git.trees import read_blobs
from cra_pipeline.integrations.git.walk import line_counts, text, walk

ASSET = "plan_documents"


def find_plans(
    layout: Layout,
    round_name: str,
    *,
    policy: PlanPolicy | None = None,
    progress: Progress = silent,
) -> StageReport:
    """Write the plans of every repository of a round that is not held out.

    A plan belongs to the round of its commit; only what lies before that round's cut-off judges it.

    Raises:
        RoundError: The round is not opened.
        CheckError: A repository's snapshot is missing or failed its check.
        BusyError: Another run is at work on this round.
    """
    rules = policy or PlanPolicy()
    with partition_lock(layout, ASSET, round_name):
        line = line_of(layout, round_name)
        repos = [name for name, _ in line.record.pins if name not in line.record.held_out]
        inputs = [Input(name=f"rounds/{round_name}", content_id=line.record.digest())]
        gone, tombstones = takedown_rule(layout)
        rows: list[PlanDocumentRow] = []
        for number, repo in enumerate(repos, 1):
            require_checked(layout, "repo_snapshots", repo)
            rows += plans_of(layout, repo, line, gone, rules)
            progress(number, len(repos), repo)
        manifest = seal_table(
            layout, ASSET, round_name, rows, PlanDocumentRow,
            reasons=[row.label for row in rows], inputs=[*inputs, *tombstones],
            policy=json.dumps(dataclasses.asdict(rules), sort_keys=True),
        )  # fmt: skip
    preview = tuple(
        {"repository": row.repo, "plan": row.path, "label": row.label, "because": row.reason}
        for row in rows[:20]
    )
    return StageReport(manifest=manifest, preview=preview)


def check_plans(layout: Layout, round_name: str) -> CheckReport:
    """Read the histories again by the house's numbers, and compare; store the result.

    Raises:
        StoreError: The table is missing or damaged.
    """
    manifest = read_record(layout.manifest(ASSET, round_name), AssetManifest)
    rows = read_table(layout.table(ASSET, round_name), PlanDocumentRow)
    found = []
    if rows_content_id(rows) != manifest.content_id:
        found.append("the table is not the one that the manifest describes")
    line = line_of(layout, round_name)
    gone, _ = takedown_rule(layout)
    for repo in sorted({row.repo for row in rows}):
        own = [row for row in rows if row.repo == repo]
        fault = [
            (row, line.fault(repo, (row.sha, *row.followed_by, row.sha), (), round_name))
            for row in own
        ]
        found += [f"{code}: {repo} {row.sha[:12]} {row.path}" for row, code in fault if code]
        if any(code for _, code in fault):
            continue
        again = plans_of(layout, repo, line, gone, PlanPolicy())
        found += [
            f"{repo} {row.sha[:12]} {row.path}: git gives another verdict or text"
            for row in own
            if row not in again
        ]
    return write_check(layout, manifest, found)


def plans_of(
    layout: Layout, repo: str, line: Line, gone: TakenDown, policy: PlanPolicy
) -> tuple[PlanDocumentRow, ...]:
    """Plans of a repository whose commits belong to a line's round, oldest first.

    Those that were not yet old enough at the cut-off to be judged are left out.

    Raises:
        GitError: An object is missing.
    """
    record = line.record
    (snapshot,) = read_table(layout.table("repo_snapshots", repo), RepoSnapshot)
    history = _before(layout, repo, line)
    found = tuple(_documents(layout, repo, history, policy))
    judging = _followed(layout, repo, history, {name for plan, _ in found for name in plan.names})
    plans = [plan for plan, _ in found]
    rows = []
    for plan, said in found:
        origin = _origin(snapshot, plan)
        if (
            line.fault(repo, (plan.sha,), (), record.round)
            or record.cut_off - plan.committed_at < policy.fresh_s
            or gone.fault(origin)
        ):
            continue
        later = after(judging, history, plan.sha)
        verdict = judged_plan(plan, later, plans, policy)
        commit = next(item for item in history if item.sha == plan.sha)
        rows.append(
            PlanDocumentRow(
                repo=repo, round=record.round, sha=plan.sha, path=plan.path,
                committed_at=plan.committed_at, domain=snapshot.domain,
                licence=snapshot.licence, task=_task(said, commit), text=said, names=plan.names,
                label=verdict.label, reason=verdict.reason, imitate=verdict.imitate,
                prefer=verdict.prefer, reject=verdict.reject, followed_by=verdict.followed_by,
                replaced_by=verdict.replaced_by,
            )
        )  # fmt: skip
    return tuple(rows)


def _before(layout: Layout, repo: str, line: Line) -> tuple[HistoryCommit, ...]:
    """Commits of a round's pin on this side of its line, oldest first, merges left out."""
    record = line.record
    beyond = line.reaches[repo][record.round].beyond
    found = walk(layout.snapshot(repo), record.pin(repo) or "")
    return tuple(item for item in found if item.sha not in beyond and len(item.parents) < 2)[::-1]  # noqa: PLR2004  # a merge has two


def _documents(
    layout: Layout, repo: str, history: Iterable[HistoryCommit], policy: PlanPolicy
) -> Iterator[tuple[PlanDocument, str]]:
    commits = tuple(history)
    added = [
        (commit, file)
        for commit in commits
        for file in commit.files
        if file.old_mode == ABSENT
        and file.exact
        and not file.is_special()
        and may_be_plan(file.path)
    ]
    if not added:
        return
    files = {file.path for commit in commits for file in commit.files}
    contents = read_blobs(layout.snapshot(repo), (file.new_blob for _, file in added))
    for commit, file in added:
        said = text(contents[file.new_blob])
        plan = plan_document(
            file.path, said, sha=commit.sha, committed_at=commit.committed_at, files=files,
            policy=policy,
        )  # fmt: skip
        if plan is not None:
            yield plan, said


def _followed(
    layout: Layout, repo: str, history: Iterable[HistoryCommit], names: set[str]
) -> dict[str, Followed]:
    """Commits that change one of the named files, with their lines."""
    touching = {
        item.sha: item for item in history if any(file.path in names for file in item.files)
    }
    counts = dict(line_counts(layout.snapshot(repo), [s for s, c in touching.items() if c.parents]))
    return {
        sha: Followed(
            sha=sha,
            committed_at=item.committed_at,
            subject=item.message.partition("\n")[0],
            lines=tuple(
                (path, *(found or (0, 0))) for path, found in sorted(counts.get(sha, {}).items())
            ),
        )
        for sha, item in touching.items()
    }


def after(
    judging: dict[str, Followed], history: Iterable[HistoryCommit], sha: str
) -> tuple[Followed, ...]:
    """Of some commits those that come after one in a history, in its order."""
    names = [item.sha for item in history]
    later = names[names.index(sha) + 1 :]
    return tuple(judging[name] for name in later if name in judging)


def _origin(snapshot: RepoSnapshot, plan: PlanDocument) -> Origin:
    return Origin(
        source="synthetic", repo=snapshot.repo, domain=snapshot.domain, licence=snapshot.licence,
        sha=plan.sha, patch_id="", committed_at=plan.committed_at, task_id="", attempt_ids=(),
        call_number=-1, row=plan.path,
    )  # fmt: skip


def _task(said: str, commit: HistoryCommit) -> str:
    heads = (line.lstrip("# ").strip() for line in said.splitlines() if line.startswith("#"))
    return next(filter(None, heads), commit.message.partition("\n")[0].strip())
