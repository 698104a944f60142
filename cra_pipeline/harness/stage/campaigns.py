"""Campaigns on disk: ``campaigns/<id>.json``, written once."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.contracts.campaigns import CampaignSpec, campaign_plans, require_sound
from cra_pipeline.contracts.tasks import AttemptRow, TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError
from cra_pipeline.harness.attempts import newest_tasks
from cra_pipeline.harness.campaigning import most_valuable
from cra_pipeline.harness.stage.rounds import reasons_left_out
from cra_pipeline.harness.stage.workshops import ATTEMPTS, TASKS
from cra_pipeline.integrations.files import peek_journal, read_record, read_table, write_record
from cra_pipeline.integrations.journals import Line


def _path(layout: Layout, campaign: str) -> Path:
    return layout.root / "campaigns" / f"{campaign}.json"


def begin_campaign(layout: Layout, spec: CampaignSpec) -> str:
    """Store a campaign's policy, and return its id; the same policy is the same campaign.

    Raises:
        ValueError: The policy cannot be meant.
        StoreError: The disk is full.
    """
    require_sound(spec)
    path = _path(layout, spec.campaign_id)
    if not path.exists():
        write_record(path, spec)
    return spec.campaign_id


def read_campaign(layout: Layout, campaign: str) -> CampaignSpec:
    """A campaign's policy.

    Raises:
        CheckError: There is none of this id.
        StoreError: Its file is damaged.
    """
    path = _path(layout, campaign)
    if not path.is_file():
        known = ", ".join(item.stem for item in sorted(path.parent.glob("*.json"))) or "none"
        raise CheckError(f"{path}: no such campaign (known: {known}): begin it with campaign")
    return read_record(path, CampaignSpec)


def round_campaigns(layout: Layout, round_name: str, repo: str) -> tuple[CampaignSpec, ...]:
    """Campaigns of a round that list a repository, sorted by id.

    Raises:
        StoreError: A file is damaged.
    """
    paths = sorted((layout.root / "campaigns").glob("*.json"))
    specs = [read_record(path, CampaignSpec) for path in paths]
    return tuple(spec for spec in specs if spec.round == round_name and repo in spec.repos)


def wanted(layout: Layout, spec: CampaignSpec, repo: str) -> int:
    """How many attempts a campaign wants on a repository; 0 while its tasks are not made.

    Raises:
        StoreError: A table is damaged.
    """
    table = layout.table(TASKS, repo)
    tasks = newest_tasks(read_table(table, TaskRow), 0) if table.exists() else []
    reasons = reasons_left_out(layout, repo, spec.round, tasks)
    chosen = most_valuable([task for task in tasks if not reasons[task.task_id]], spec.limit)
    return len(chosen) * len(campaign_plans(spec))


def neediest_first(layout: Layout, spec: CampaignSpec) -> tuple[str, ...]:
    """A campaign's repositories, those with the fewest attempts of agents on record first.

    Raises:
        StoreError: A table is damaged.
    """

    def attempts(repo: str) -> int:
        partition = f"{repo}|{spec.round}"
        table = layout.table(ATTEMPTS, partition)
        rows = read_table(table, AttemptRow) if table.exists() else ()
        # A run that was killed left no table.
        lines = peek_journal(layout.journal(ATTEMPTS, partition), Line[AttemptRow])
        begun = [line.row for line in lines]
        return len({row.attempt_id for row in (*rows, *begun) if row.campaign})

    return tuple(sorted(spec.repos, key=lambda repo: (attempts(repo), repo)))
