"""Campaigns on disk: ``campaigns/<id>.json``, written once."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.contracts.campaigns import CampaignSpec, require_sound
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError
from cra_pipeline.integrations.files import read_record, write_record


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
