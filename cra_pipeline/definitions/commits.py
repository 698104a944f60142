"""Asset of the commits stage: every commit with its verdict."""

import dagster as dg

from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.commits.stage import check_commits, filter_commits
from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.corpus import repo_snapshots
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import REPO
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    ProgressSource,
    Workspace,
    refusals,
)


class CommitConfig(dg.Config):
    """The filter's numbers, as ``FilterPolicy`` explains them."""

    min_words: int = FilterPolicy().min_words
    max_files: int = FilterPolicy().max_files
    meta_max_files: int = FilterPolicy().meta_max_files
    meta_min_files: int = FilterPolicy().meta_min_files
    max_lines: int = FilterPolicy().max_lines
    window_commits: int = FilterPolicy().window_commits
    window_days: int = FilterPolicy().window_days
    max_related_tests: int = FilterPolicy().max_related_tests

    def policy(self) -> FilterPolicy:
        """The stage's policy with this run's changes."""
        return FilterPolicy(**self.model_dump())


@dg.asset(
    group_name="commits",
    partitions_def=REPO,
    deps=[repo_snapshots],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def commits(
    context: dg.AssetExecutionContext,
    config: CommitConfig,
    workspace: Workspace,
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Every commit of one repository: qualified, or rejected with the first failing rule."""
    with refusals():
        report = filter_commits(
            workspace.layout,
            context.partition_key,
            policy=config.policy(),
            progress=progress.of(context),
        )
    return materialized(report)


@partition_check(commits, REPO)
def every_commit_has_a_verdict(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """No commit of the clone is missing, none is rejected without a reason."""
    with refusals():
        report = check_commits(workspace.layout, context.partition_key)
    return judged(report)
