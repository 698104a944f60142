"""Attempts that other rounds and workspaces have made already are taken over, not made again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.agents import AttemptPlan
from cra_pipeline.contracts.campaigns import CampaignSpec, CampaignUse
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.harness.adopting import (
    Deciding,
    adopted,
    elsewhere,
    is_same_policy,
    preferred,
)
from cra_pipeline.harness.records import Trace
from cra_pipeline.harness.stage.use import append_uses
from cra_pipeline.harness.stage.workshops import ATTEMPTS
from cra_pipeline.integrations.calls import attempt_calls, has_calls, log_path, settle_try, try_path
from cra_pipeline.integrations.files import (
    append_journal,
    peek_journal,
    read_record,
    write_record,
)
from cra_pipeline.integrations.gateway.log import CallLog
from cra_pipeline.integrations.journals import Line

Wanted = Mapping[str, tuple[Deciding, AttemptPlan]]
"""Attempts to be made, by id."""


def trace_path(layout: Layout, partition: str, attempt_id: str) -> Path:
    """Where an attempt's trace lies."""
    return layout.partition(ATTEMPTS, partition) / "traces" / f"{attempt_id}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A finished attempt, and where it lies."""

    layout: Layout
    row: AttemptRow

    @property
    def partition(self) -> str:
        return f"{self.row.repo}|{self.row.round}"

    def whole(self) -> bool:
        row = self.row
        if not trace_path(self.layout, self.partition, row.attempt_id).is_file():
            return False
        return not row.calls or has_calls(self.layout, self.partition, row.campaign, row.attempt_id)


def adopt_attempts(
    layout: Layout, repo: str, spec: CampaignSpec, wanted: Wanted, others: Iterable[Layout] = ()
) -> int:
    """Take over what is wanted and was made in another round, or in another workspace.

    Trace and calls are copied before the journal names the attempt, so a kill leaves it to be
    made, or to be taken over, the next time. What is taken over costs the campaign nothing.

    Args:
        layout: The workspace.
        repo: Key of the repository.
        spec: The campaign that wants them.
        wanted: What it lacks.
        others: Workspaces whose attempts may be taken besides; they are only read.

    Returns:
        How many were taken over.

    Raises:
        StoreError: The disk is full, or a file is damaged.
    """
    found = dict(_found(layout, repo, spec, wanted, others)) if wanted else {}
    for attempt_id, made in found.items():
        _copy(layout, spec, attempt_id, made)
    return len(found)


def _found(
    layout: Layout, repo: str, spec: CampaignSpec, wanted: Wanted, others: Iterable[Layout]
) -> Iterator[tuple[str, _Made]]:
    sources = [
        (place, campaigns, _rows(place, repo, campaigns))
        for place in (layout, *others)
        if (campaigns := _same_policy(place, repo, spec, own=place == layout))
    ]
    for attempt_id, (deciding, plan) in wanted.items():
        places = {
            old: _Made(layout=place, row=rows[old])
            for place, campaigns, rows in sources
            for _, old in elsewhere(deciding, plan, campaigns)
            if old in rows
        }
        whole = {old: made for old, made in places.items() if made.whole()}
        chosen = preferred(made.row for made in whole.values())
        if chosen is not None:
            yield attempt_id, whole[chosen.attempt_id]


def _same_policy(
    layout: Layout, repo: str, spec: CampaignSpec, *, own: bool
) -> tuple[CampaignSpec, ...]:
    """Campaigns whose attempts may be taken.

    Another campaign of the same round is there to make its attempts anew, so it gives none.
    """
    folder = layout.root / "campaigns"
    if not own and not folder.is_dir():
        raise StoreError(
            f"{folder}: no campaigns to reuse: expected a workspace of this pipeline, such as "
            "the folder that CRA_PIPELINE_HOME named when they ran"
        )
    read = (read_record(path, CampaignSpec) for path in sorted(folder.glob("*.json")))
    return tuple(
        other
        for other in read
        if repo in other.repos
        and is_same_policy(spec, other)
        and not (own and other.round == spec.round)
    )


def _rows(layout: Layout, repo: str, campaigns: Iterable[CampaignSpec]) -> dict[str, AttemptRow]:
    """Lasting attempts by id."""
    journals = {layout.journal(ATTEMPTS, f"{repo}|{spec.round}") for spec in campaigns}
    return {
        line.key: line.row
        for journal in sorted(journals)
        for line in peek_journal(journal, Line[AttemptRow])
    }


def _copy(layout: Layout, spec: CampaignSpec, attempt_id: str, made: _Made) -> None:
    partition = f"{made.row.repo}|{spec.round}"
    old = made.row.attempt_id
    row = adopted(made.row, attempt_id, spec.round, spec.campaign_id)
    if row.calls:
        calls = attempt_calls(made.layout, made.partition, made.row.campaign, old)
        log = log_path(layout, partition, spec.campaign_id, attempt_id)
        part = try_path(log)
        copied = CallLog(part)
        for call in calls:
            copied.append(call.model_copy(update={"attempt": attempt_id}))
        copied.close()
        settle_try(part, log)
    trace = read_record(trace_path(made.layout, made.partition, old), Trace)
    write_record(
        trace_path(layout, partition, attempt_id), trace.model_copy(update={"attempt": row})
    )
    free = CampaignUse(
        attempt=attempt_id,
        calls=0,
        prompt_tokens=0,
        completion_tokens=0,
        refused=False,
        at=time.time(),
        money=0.0,
    )
    append_uses(layout, spec.campaign_id, [free])
    append_journal(layout.journal(ATTEMPTS, partition), Line[AttemptRow](key=attempt_id, row=row))
