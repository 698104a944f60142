"""Asset of the corpus stage: pinned clones."""

import dagster as dg

from cra_pipeline.corpus.stage import check_snapshot, snapshot_repo
from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import REPO
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    ProgressSource,
    Workspace,
    refusals,
)


@dg.asset(group_name="corpus", partitions_def=REPO, retry_policy=INFRASTRUCTURE_RETRIES)
def repo_snapshots(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Bare clone of one repository, whose history ends at the pinned revision."""
    with refusals():
        report = snapshot_repo(
            workspace.layout, context.partition_key, progress=progress.of(context)
        )
    return materialized(report)


@partition_check(repo_snapshots, REPO)
def snapshot_is_whole(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """The clone ends at its pin and lacks no object."""
    with refusals():
        report = check_snapshot(workspace.layout, context.partition_key)
    return judged(report)
