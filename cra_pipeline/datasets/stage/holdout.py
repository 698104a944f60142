"""``holdout``: every commit on the far side of a round's line, with the tasks made of some."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from cra_pipeline.contracts.holdout import HoldoutRow
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.kept_out import added_lines
from cra_pipeline.datasets.line import Line
from cra_pipeline.datasets.stage.lines import (
    changes_of,
    history,
    kept_out_commits,
    line_of,
    opened_rounds,
    record_of,
)
from cra_pipeline.errors import DatasetError
from cra_pipeline.integrations.cut_offs import note_on_cut_off
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    read_table,
    rows_content_id,
)

ASSET = "holdout"


def keep_out(layout: Layout, round_name: str) -> StageReport:
    """Write what a round keeps out: held-out repositories, and commits after its cut-off.

    Tables of tasks grow as sources move on; only the commits that the round's pins reach count
    here, so that an older round's holdout stays as it was.

    Raises:
        RoundError: The round is not opened, or a clone lacks its pin.
        DatasetError: Nothing would be kept out.
        CheckError: Tasks of one of its repositories are missing or failed their check.
        BusyError: Another run is at work on this round.
    """
    with partition_lock(layout, ASSET, round_name):
        line = line_of(layout, round_name)
        for repo, _ in line.record.pins:
            require_checked(layout, "tasks", repo)
        rows = holdout_rows(layout, line)
        if not rows:
            raise DatasetError(
                f"{ASSET} of {round_name}: nothing is kept out: the cut-off {line.record.cut_off} "
                f"lies after every commit of {len(line.record.pins)} repositories, and none is "
                "held out; no gate could judge an adapter: open the next round with an earlier "
                "cut-off than its pins, or hold out a new repository"
            )
        manifest = seal_table(
            layout, ASSET, round_name, rows, HoldoutRow,
            reasons=[row.reason for row in rows],
            inputs=[Input(name=f"rounds/{round_name}", content_id=line.record.digest())],
            policy=json.dumps({"held_out": line.record.held_out, "cut_off": line.record.cut_off}),
        )  # fmt: skip
    preview = tuple(
        {"repository": repo, "commits": str(sum(row.repo == repo for row in rows)),
         "tasks": str(sum(row.repo == repo and bool(row.task_id) for row in rows))}
        for repo, _ in line.record.pins
    )  # fmt: skip
    return StageReport(manifest=manifest, preview=preview)


def holdout_rows(layout: Layout, line: Line) -> tuple[HoldoutRow, ...]:
    """Rows sorted by repository and commit id."""
    return tuple(
        row
        for repo, commits in kept_out_commits(layout, line)
        for row in _of_repo(layout, line, repo, commits)
    )


def _of_repo(
    layout: Layout, line: Line, repo: str, commits: frozenset[str]
) -> Iterator[HoldoutRow]:
    pin = line.record.pin(repo) or ""
    dates = history(layout, repo, pin)
    changes = changes_of(layout, repo, commits)
    tasks = _tasks(layout, repo)
    held_out = repo in line.record.held_out
    for sha in sorted(commits):
        task = tasks.get(sha)
        yield HoldoutRow(
            repo=repo,
            sha=sha,
            committed_at=dates[sha][0],
            patch_id=changes[sha],
            reason="held_out_repository" if held_out else "after_cut_off",
            task_id=task.task_id if task else "",
            content_id=task.digest() if task else "",
            statement=task.statement if task else "",
            added="\n".join(added_lines(task)) if task else "",
        )


def _tasks(layout: Layout, repo: str) -> Mapping[str, TaskRow]:
    rows = read_table(layout.table("tasks", repo), TaskRow)
    return {row.sha: row for row in rows if row.admitted}


def check_holdout(layout: Layout, round_name: str) -> CheckReport:
    """Draw the line again from records and git, and compare; store the result.

    Raises:
        StoreError: The table is missing or damaged.
    """
    manifest = read_record(layout.manifest(ASSET, round_name), AssetManifest)
    found = []
    if rows_content_id(read_table(layout.table(ASSET, round_name), HoldoutRow)) != (
        manifest.content_id
    ):
        found.append("the table is not the one that the manifest describes")
    again = rows_content_id(holdout_rows(layout, line_of(layout, round_name)))
    if again != manifest.content_id:
        found.append(
            f"records and git give {again[:12]}, the table is {manifest.content_id[:12]}: a row "
            "is missing, too many or changed"
        )
    said = note_on_cut_off(layout, record_of(opened_rounds(layout), round_name))
    return write_check(layout, manifest, found, notes=tuple(filter(None, [said])))
