"""Assets of curation: what rounds add, what is kept out, and the datasets of each kind."""

import dagster as dg

from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.replay import ReplayPolicy
from cra_pipeline.datasets.stage.curate import curate
from cra_pipeline.datasets.stage.holdout import check_holdout, keep_out
from cra_pipeline.datasets.stage.increments import add_round, check_increment
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.datasets.stage.plan_documents import check_plans, find_plans
from cra_pipeline.datasets.stage.pools import check_pool, gather_pool
from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.cold_start import cold_start
from cra_pipeline.definitions.commits import commits
from cra_pipeline.definitions.corpus import repo_snapshots
from cra_pipeline.definitions.harness import attempts, tasks, triples
from cra_pipeline.definitions.logs import training_plan
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.pairs import preference_pairs
from cra_pipeline.definitions.partitions import (
    DPO_KIND_BY_ROUND,
    ROUND,
    SFT_KIND_BY_ROUND,
    dpo_cell,
    rounds_from_on,
    sft_cell,
)
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    ProgressSource,
    Workspace,
    refusals,
)


class DatasetConfig(dg.Config):
    """What one run may change; the check judges by the house's own numbers all the same.

    Attributes:
        replay_ratio: Replayed rows as a share of the dataset.
        seed: Seeds every draw.
    """

    replay_ratio: float = ReplayPolicy().ratio
    seed: int = CurationPolicy().seed

    def policy(self) -> CurationPolicy:
        """The stage's policy with this run's changes."""
        return CurationPolicy(replay=ReplayPolicy(ratio=self.replay_ratio), seed=self.seed)


@dg.asset(
    group_name="datasets",
    partitions_def=ROUND,
    deps=[
        triples,
        preference_pairs,
        attempts,
        dg.AssetDep(commits, partition_mapping=dg.AllPartitionMapping()),
    ],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def round_increment(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Candidates that a round adds over all of its repositories, and why others are none."""
    with refusals():
        report = add_round(workspace.layout, context.partition_key, progress=progress.of(context))
    return materialized(report)


@partition_check(round_increment, ROUND)
def increment_is_what_was_logged(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Every candidate lies on the right side of the line, and says what the logs say."""
    with refusals():
        report = check_increment(workspace.layout, context.partition_key)
    return judged(report)


@dg.asset(
    group_name="datasets",
    partitions_def=ROUND,
    deps=[
        dg.AssetDep(round_increment, partition_mapping=rounds_from_on(ROUND.get_partition_keys())),
        cold_start,
    ],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def round_pool(
    context: dg.AssetExecutionContext, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """What all rounds up to one have to offer, by content id."""
    with refusals():
        report = gather_pool(workspace.layout, context.partition_key)
    return materialized(report)


@partition_check(round_pool, ROUND)
def pool_is_current(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Every part is still the one that the pool names, and no round is missing."""
    with refusals():
        report = check_pool(workspace.layout, context.partition_key)
    return judged(report)


@dg.asset(
    group_name="datasets",
    partitions_def=ROUND,
    deps=[
        dg.AssetDep(tasks, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(commits, partition_mapping=dg.AllPartitionMapping()),
    ],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def holdout(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult[None]:
    """Held-out repositories and what came after the cut-off: for gates, never for training."""
    with refusals():
        report = keep_out(workspace.layout, context.partition_key)
    return materialized(report)


@partition_check(holdout, ROUND)
def holdout_is_whole(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Round records and git draw the same line again."""
    with refusals():
        report = check_holdout(workspace.layout, context.partition_key)
    return judged(report)


@dg.asset(
    group_name="datasets",
    partitions_def=ROUND,
    deps=[dg.AssetDep(repo_snapshots, partition_mapping=dg.AllPartitionMapping())],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def plan_documents(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Plans that a round's histories hold, judged by what followed: for the base fine-tune."""
    with refusals():
        report = find_plans(workspace.layout, context.partition_key, progress=progress.of(context))
    return materialized(report)


@partition_check(plan_documents, ROUND)
def plans_lie_before_the_line(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Read from git again, every plan and all that judged it lie on the right side of the line."""
    with refusals():
        report = check_plans(workspace.layout, context.partition_key)
    return judged(report)


@dg.asset(
    group_name="datasets",
    partitions_def=SFT_KIND_BY_ROUND,
    deps=[round_pool, training_plan, holdout],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def sft_dataset(
    context: dg.AssetExecutionContext,
    config: DatasetConfig,
    workspace: Workspace,
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Curated conversations of one adapter kind and round, replay included."""
    with refusals():
        report = curate(
            workspace.layout,
            sft_cell(context.partition_key),
            policy=config.policy(),
            progress=progress.of(context),
        )
    return materialized(report)


@partition_check(sft_dataset, SFT_KIND_BY_ROUND)
def sft_dataset_keeps_the_rules(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Counted again from git, round records and logs, every rule holds."""
    with refusals():
        report = check_dataset(workspace.layout, sft_cell(context.partition_key))
    return judged(report)


@dg.asset(
    group_name="datasets",
    partitions_def=DPO_KIND_BY_ROUND,
    deps=[round_pool, training_plan, holdout],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def dpo_dataset(
    context: dg.AssetExecutionContext,
    config: DatasetConfig,
    workspace: Workspace,
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Curated preference pairs of one adapter kind and round, replay included."""
    with refusals():
        report = curate(
            workspace.layout,
            dpo_cell(context.partition_key),
            policy=config.policy(),
            progress=progress.of(context),
        )
    return materialized(report)


@partition_check(dpo_dataset, DPO_KIND_BY_ROUND)
def dpo_dataset_keeps_the_rules(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Counted again from git, round records and logs, every rule holds."""
    with refusals():
        report = check_dataset(workspace.layout, dpo_cell(context.partition_key))
    return judged(report)
