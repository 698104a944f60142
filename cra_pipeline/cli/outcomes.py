"""What became of a campaign's attempts, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from cra_pipeline.cli.terminal import messages, tables
from cra_pipeline.contracts.campaigns import CampaignSpec
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.campaigning import (
    JUDGED,
    SPOILED,
    CampaignLimits,
    CampaignTerms,
    Meter,
    use_of,
)

_HEADS = ("attempts", "passed", "failed", "other", "equal", "usable", "calls", "left")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignEnd:
    """Where a campaign stands when a run of it has ended.

    Attributes:
        spoiled: Attempts that a machine or a server spoiled, but for a spend limit; the next run
            makes them again.
        left: Attempts that are wanted and not made, spoiled ones included.
        limit: The limit that is reached, in words; empty where there is none.
    """

    spoiled: int
    left: int
    limit: str


def print_outcomes(
    layout: Layout,
    spec: CampaignSpec,
    limits: CampaignLimits | None = None,
    terms: CampaignTerms | None = None,
) -> CampaignEnd:
    """What became of the campaign's attempts by repository, and which limit has ended it.

    Args:
        layout: The workspace.
        spec: The campaign.
        limits: Of the run that has ended.
        terms: Of the same.
    """
    from cra_pipeline.harness.stage.use import metered, rows_of

    table = Table("repo", *_HEADS, box=None)
    spoiled, sums = 0, [0] * len(_HEADS)
    for repo in spec.repos:
        rows = rows_of(layout, spec, repo)
        numbers = _numbers(layout, spec, repo, rows)
        sums = [sum(pair) for pair in zip(sums, numbers, strict=True)]
        table.add_row(repo, *map(str, numbers))
        spoiled += sum(row.outcome in SPOILED and not use_of(row, 0.0).refused for row in rows)
        _tell_others(repo, rows)
    if len(spec.repos) > 1:
        table.add_row("all", *map(str, sums), style="bold")
    meter = metered(layout, (terms or CampaignTerms()).applied(spec), limits or CampaignLimits())
    end = CampaignEnd(spoiled=spoiled, left=sums[-1], limit=meter.reached() if sums[-1] else "")
    tables().print(table)
    tables().print(_words(meter, end))
    return end


def _numbers(
    layout: Layout, spec: CampaignSpec, repo: str, rows: Sequence[AttemptRow]
) -> tuple[int, ...]:
    from cra_pipeline.harness.stage.campaigns import wanted

    passed = sum(row.outcome is Outcome.PASSED for row in rows)
    failed = sum(row.outcome is Outcome.FAILED for row in rows)
    kept = sum(row.outcome not in SPOILED for row in rows)
    return (
        len(rows),
        passed,
        failed,
        len(rows) - passed - failed,
        sum(row.reproduced is True for row in rows),
        sum(row.usable is True for row in rows),
        sum(row.calls for row in rows),
        max(0, wanted(layout, spec, repo) - kept),
    )


def _words(meter: Meter, end: CampaignEnd) -> str:
    spent = f", {meter.money:,.2f} in money" if meter.money else ""
    used = f"used in all: {meter.calls:,} calls, {meter.tokens:,} tokens{spent}"
    reached = f"\nlimit reached, {end.limit}" if end.limit else ""
    undone = f"\nattempts left undone: {end.left}" if end.left else ""
    return f"{used}{reached}{undone}"


def _tell_others(repo: str, rows: Sequence[AttemptRow]) -> None:
    """Attempts without a verdict, by reason, with the first one's evidence."""
    found: dict[str, list[AttemptRow]] = {}
    for row in rows:
        if row.outcome not in JUDGED:
            found.setdefault(f"{row.outcome.value} {row.reason}", []).append(row)
    for what, ours in sorted(found.items()):
        messages().print(f"  {repo}: {len(ours)} x {what}: {ours[0].detail}")
