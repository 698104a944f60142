"""What the killed tries of a campaign took: it is on record in their request logs alone.

A finished try puts its use on record itself. A log without such a line is of a try that was
killed; its time of writing, which a move keeps, tells it from logs of the attempt's other tries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cra_pipeline.contracts.campaigns import CampaignSpec, CampaignUse, ResponderSpec
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError
from cra_pipeline.harness.campaigning import price
from cra_pipeline.harness.stage.campaigns import read_campaign
from cra_pipeline.harness.stage.use import append_uses, noted_uses
from cra_pipeline.harness.stage.workshops import ATTEMPTS
from cra_pipeline.integrations.calls import log_path
from cra_pipeline.integrations.files import partition_lock, read_record, write_record
from cra_pipeline.integrations.gateway.log import read_calls

_SECOND_NS = 1_000_000_000


def note_killed(layout: Layout, spec: CampaignSpec, repo: str) -> None:
    """Put on record what killed tries took, at the prices of their run, and this run's prices.

    Repositories at which another run is at work are left alone: their tries are not over.

    Args:
        layout: The workspace.
        spec: The campaign, with the prices of this run.
        repo: Whose partition the caller holds.

    Raises:
        StoreError: A log is damaged, or the disk is full.
    """
    prices = _prices(layout, spec.campaign_id)
    _note(layout, spec, repo, prices)
    for other in sorted(set(spec.repos) - {repo}):
        with suppress(BusyError), partition_lock(layout, ATTEMPTS, f"{other}|{spec.round}"):
            _note(layout, spec, other, prices)
    write_record(_prices_path(layout, spec.campaign_id), spec.responder)


def _note(layout: Layout, spec: CampaignSpec, repo: str, prices: ResponderSpec) -> None:
    known = {(use.attempt, use.log) for use in noted_uses(layout, spec.campaign_id)}
    for use in _logged(layout, spec, repo, prices):
        if (use.attempt, use.log) not in known:
            append_uses(layout, spec.campaign_id, [use])


def _logged(
    layout: Layout, spec: CampaignSpec, repo: str, prices: ResponderSpec
) -> Iterator[CampaignUse]:
    """Use of every try of which there is a log with calls still, finished or not."""
    sample = log_path(layout, f"{repo}|{spec.round}", spec.campaign_id, "any")
    for log in sorted(sample.parent.parent.glob("*/*.jsonl*")):
        calls = read_calls(log).records
        if not calls:
            continue
        prompt = sum(call.prompt_tokens or 0 for call in calls)
        completion = sum(call.completion_tokens or 0 for call in calls)
        written = log.stat().st_mtime_ns
        yield CampaignUse(
            attempt=log.parent.name,
            calls=len(calls),
            prompt_tokens=prompt,
            completion_tokens=completion,
            refused=False,
            at=written / _SECOND_NS,
            money=price(prices, prompt, completion),
            log=written,
        )


def _prices(layout: Layout, campaign: str) -> ResponderSpec:
    """Of the run before this one."""
    path = _prices_path(layout, campaign)
    if path.exists():
        return read_record(path, ResponderSpec)
    return read_campaign(layout, campaign).responder


def _prices_path(layout: Layout, campaign: str) -> Path:
    # Below a folder of its own: every record beside the campaign's is a campaign.
    return layout.root / "campaigns" / "prices" / f"{campaign}.json"
