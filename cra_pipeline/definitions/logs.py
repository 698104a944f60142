"""Assets of log analysis: the agent's logs as tables, and what to train next."""

import dagster as dg
from pydantic import Field

from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.harness import attempts, triples
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.pairs import preference_pairs
from cra_pipeline.definitions.partitions import ROUND
from cra_pipeline.definitions.resources import INFRASTRUCTURE_RETRIES, Workspace, refusals
from cra_pipeline.logs.policy import PlanPolicy
from cra_pipeline.logs.stage.plans import check_plan, make_plan
from cra_pipeline.logs.stage.snapshots import check_snapshot, snapshot_raw


class RawSnapshotConfig(dg.Config):
    """What one run may change.

    Attributes:
        databases: Paths of users' ``raw.sqlite``, copied beside the workspace's own.
    """

    databases: list[str] = Field(default_factory=list)


class TrainingPlanConfig(dg.Config):
    """What one run may change.

    Attributes:
        confidence: Of all intervals, in (0, 1).
        most_errors: Share of calls without a usable answer that is tolerated.
        most_disagreement: Share of answers against the right one that is tolerated.
        least_gain: Smallest improvement that is aimed at.
    """

    confidence: float = PlanPolicy().confidence
    most_errors: float = PlanPolicy().most_errors
    most_disagreement: float = PlanPolicy().most_disagreement
    least_gain: float = PlanPolicy().least_gain

    def policy(self) -> PlanPolicy:
        """The stage's policy with this run's changes."""
        return PlanPolicy(**self.model_dump())


@dg.asset(
    group_name="logs",
    partitions_def=ROUND,
    deps=[attempts],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def raw_snapshot(
    context: dg.AssetExecutionContext, config: RawSnapshotConfig, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """Every table of the agents' raw databases as of one moment, as Parquet."""
    with refusals():
        report = snapshot_raw(workspace.layout, context.partition_key, databases=config.databases)
    return materialized(report)


@partition_check(raw_snapshot, ROUND)
def raw_snapshot_is_whole(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Every table of every database is there, with the rows and the content that are listed."""
    with refusals():
        report = check_snapshot(workspace.layout, context.partition_key)
    return judged(report)


@dg.asset(
    group_name="logs",
    partitions_def=ROUND,
    deps=[raw_snapshot, attempts, triples, preference_pairs],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def training_plan(
    context: dg.AssetExecutionContext, config: TrainingPlanConfig, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """Weak call kinds, what data there is for each, and what to train next."""
    with refusals():
        report = make_plan(workspace.layout, context.partition_key, policy=config.policy())
    return materialized(report)


@partition_check(training_plan, ROUND)
def training_plan_follows_evidence(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """The plan is what the evidence gives when it is made once more."""
    with refusals():
        report = check_plan(workspace.layout, context.partition_key)
    return judged(report)
