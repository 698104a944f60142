"""Asset of the pairs stage: which of two answers to one prompt is better."""

import dagster as dg

from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.harness import attempts, triples
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import REPO_BY_ROUND, repo_and_round
from cra_pipeline.definitions.resources import INFRASTRUCTURE_RETRIES, Workspace, refusals
from cra_pipeline.pairs.policy import PairPolicy
from cra_pipeline.pairs.stage import check_pairs, pair_preferences


class PairConfig(dg.Config):
    """What one run may change.

    Attributes:
        per_task: Most pairs of one task.
        per_repo: Most pairs of one repository and round.
        seed: Seeds the choice among more.
    """

    per_task: int = PairPolicy().per_task
    per_repo: int = PairPolicy().per_repo
    seed: int = PairPolicy().seed

    def policy(self) -> PairPolicy:
        """The stage's policy with this run's changes."""
        return PairPolicy(per_task=self.per_task, per_repo=self.per_repo, seed=self.seed)


@dg.asset(
    group_name="pairs",
    partitions_def=REPO_BY_ROUND,
    deps=[triples, attempts],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def preference_pairs(
    context: dg.AssetExecutionContext, config: PairConfig, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """A passed and a failed answer to equal prompts, with the reason why one lost."""
    with refusals():
        report = pair_preferences(
            workspace.layout, *repo_and_round(context.partition_key), policy=config.policy()
        )
    return materialized(report)


@partition_check(preference_pairs, REPO_BY_ROUND)
def pairs_are_comparable(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """The prompts of a pair are equal, its outcomes differ, the caps hold."""
    with refusals():
        report = check_pairs(workspace.layout, *repo_and_round(context.partition_key))
    return judged(report)
