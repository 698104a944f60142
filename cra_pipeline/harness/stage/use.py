"""What campaigns have used, and what a run of one may still take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from cra_pipeline.contracts.campaigns import CampaignSpec, CampaignUse
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.campaigning import CampaignLimits, Meter, price, use_of
from cra_pipeline.harness.stage.workshops import ATTEMPTS
from cra_pipeline.integrations.calls import log_path
from cra_pipeline.integrations.files import append_journal, read_journal, read_table
from cra_pipeline.integrations.room import available_mb, processors

_MEMORY_MB = 2500
"""What one attempt of an agent may take while its tests run, as a rule."""

_TURNS = 2
"""Attempts for each request that may be under way: no call waits longer than one answer takes."""

_MINUTES = 2
"""Minutes in which as many requests as attempts may begin: no call waits longer for its turn."""


def metered(layout: Layout, spec: CampaignSpec, limits: CampaignLimits) -> Meter:
    """A meter that knows what all runs have used for a campaign so far.

    Raises:
        StoreError: A table or the campaign's own record of its use is damaged.
    """
    meter = Meter(limits, spec.responder)
    for use in _past(layout, spec):
        meter.add(use)
    return meter


def note_use(layout: Layout, spec: CampaignSpec, row: AttemptRow) -> CampaignUse:
    """Put on record what a finished attempt took; from any thread.

    Args:
        layout: The workspace.
        spec: The campaign, with the prices of this run.
        row: The attempt.

    Raises:
        StoreError: The disk is full.
    """
    log = log_path(layout, f"{row.repo}|{spec.round}", spec.campaign_id, row.attempt_id)
    money = price(spec.responder, row.prompt_tokens, row.completion_tokens)
    use = use_of(row, time.time()).model_copy(
        update={"money": money, "log": log.stat().st_mtime_ns if log.exists() else 0}
    )
    append_uses(layout, spec.campaign_id, [use])
    return use


def append_uses(layout: Layout, campaign: str, uses: Iterable[CampaignUse]) -> None:
    """Put on record what tries took; from any thread.

    Raises:
        StoreError: The disk is full.
    """
    with _locked(layout, campaign):
        for use in uses:
            append_journal(_record(layout, campaign), use)


def noted_uses(layout: Layout, campaign: str) -> tuple[CampaignUse, ...]:
    """What is on record of a campaign's tries.

    Raises:
        StoreError: The record is damaged.
    """
    with _locked(layout, campaign):
        return read_journal(_record(layout, campaign), CampaignUse)


def rows_of(layout: Layout, spec: CampaignSpec, repo: str) -> tuple[AttemptRow, ...]:
    """A campaign's attempts on one repository, as far as they are sealed.

    Raises:
        StoreError: The table is damaged.
    """
    table = layout.table(ATTEMPTS, f"{repo}|{spec.round}")
    rows = read_table(table, AttemptRow) if table.exists() else ()
    return tuple(row for row in rows if row.campaign == spec.campaign_id)


def within(spec: CampaignSpec, meter: Meter) -> CampaignSpec:
    """The campaign with the spend limit that its earlier runs have left."""
    told = spec.responder.model_copy(update={"spend_limit": meter.left_to_spend()})
    return spec.model_copy(update={"responder": told})


def attempts_at_once(spec: CampaignSpec | None, memory_mb: int = -1, cores: int = 0) -> int:
    """Attempts for which there are processors and memory, and answers where a server gives them.

    Args:
        spec: The campaign; None for attempts that call no model.
        memory_mb: That may be taken; negative for what is available now.
        cores: Processors; 0 for those of this process.
    """
    most = cores or processors()
    if spec is None:
        return most
    memory = available_mb() if memory_mb < 0 else memory_mb
    places = [most, memory // _MEMORY_MB]
    if spec.responder.base_url:
        places.append(spec.responder.concurrency * _TURNS)
        pace = spec.responder.requests_per_minute
        places += [int(pace * _MINUTES)] if pace else []
    return max(1, min(places))


def _past(layout: Layout, spec: CampaignSpec) -> list[CampaignUse]:
    noted = noted_uses(layout, spec.campaign_id)
    known = {use.attempt for use in noted}
    # Attempts on record nowhere but in their table were made before use was noted.
    rows = [row for repo in spec.repos for row in rows_of(layout, spec, repo)]
    return [*noted, *(use_of(row, 0.0) for row in rows if row.attempt_id not in known)]


def _record(layout: Layout, campaign: str) -> Path:
    return layout.root / "campaigns" / f"{campaign}.use.jsonl"


@contextmanager
def _locked(layout: Layout, campaign: str) -> Iterator[None]:
    """Reading cuts off a torn line, so it waits for writers, and they for it."""
    layout.locks.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(layout.locks / f"campaign--{campaign}.lock"):
        yield
