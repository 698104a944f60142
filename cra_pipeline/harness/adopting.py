"""Which finished attempt stands for one that another round or workspace wants. Pure.

An attempt's id names its partition and campaign, because its files lie there; neither has a part
in what comes of it. So one that was made elsewhere of the same task, environment, plan, program,
limits and words is the same work, and is not done twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cra_pipeline.contracts.agents import AttemptPlan
from cra_pipeline.contracts.campaigns import CampaignSpec
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow
from cra_pipeline.harness.campaigning import fingerprint
from cra_pipeline.harness.records import unit_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What decides an attempt, but for where it is kept.

    Attributes:
        task: The admitted task.
        environment: Digest of the environment that its tests run in.
        decided_by: Fingerprint of the campaign's policy, or of the backend.
        rules: Canonical JSON of the limits of its runs.
        statement: What the task asks for, reworded or not.
    """

    task: TaskRow
    environment: str
    decided_by: str
    rules: str
    statement: str

    def attempt_id(self, plan: AttemptPlan, partition: str) -> str:
        """Id of the attempt that a plan makes in a partition ``repo|round``."""
        return unit_key(
            *(self.task.digest(), self.environment),
            *(plan.digest(), self.decided_by, self.rules, partition, self.statement),
        )


def is_same_policy(spec: CampaignSpec, other: CampaignSpec) -> bool:
    """Whether attempts of two campaigns differ in nothing but round and name."""
    return fingerprint(spec) == fingerprint(other) and spec.reworded == other.reworded


def elsewhere(
    deciding: Deciding, plan: AttemptPlan, campaigns: Iterable[CampaignSpec]
) -> tuple[tuple[CampaignSpec, str], ...]:
    """Ids under which other campaigns would have made the same attempt, in their order.

    Args:
        deciding: Of the attempt that is wanted.
        plan: Of the attempt that is wanted.
        campaigns: Others of the same policy.
    """
    return tuple(
        (
            spec,
            deciding.attempt_id(
                plan.model_copy(update={"campaign": spec.campaign_id}),
                f"{deciding.task.repo}|{spec.round}",
            ),
        )
        for spec in campaigns
    )


def preferred(rows: Iterable[AttemptRow]) -> AttemptRow | None:
    """The one that stands for all: a judged one if there is one, then the least id.

    Which of several judged ones it is must not hang on what came of them, or passes would be
    picked.
    """
    ranked = sorted(
        rows,
        key=lambda row: (row.outcome not in {Outcome.PASSED, Outcome.FAILED}, row.attempt_id),
    )
    return ranked[0] if ranked else None


def adopted(row: AttemptRow, attempt_id: str, round_name: str, campaign: str) -> AttemptRow:
    """The row as it stands in the round and campaign that take it over."""
    return row.model_copy(
        update={"attempt_id": attempt_id, "round": round_name, "campaign": campaign}
    )
