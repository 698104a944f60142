"""Asset of the packages stage: repositories that can be tested without network."""

import dagster as dg

from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.commits import commits
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import REPO
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    SANDBOX_POOL,
    ProgressSource,
    SandboxedTests,
    Workspace,
    refusals,
)
from cra_pipeline.packages.policy import PackagePolicy
from cra_pipeline.packages.stage import build_package, check_package


class PackageConfig(dg.Config):
    """What one run may change.

    Attributes:
        limit: Newest qualified commits of each kind to build for; 0 for all.
        index_url: Package index in place of uv's own; it may answer from loopback.
        index_label: What stands for that index in evidence, since its port changes.
    """

    limit: int = PackagePolicy().limit
    index_url: str = PackagePolicy().index_url
    index_label: str = PackagePolicy().index_label

    def policy(self) -> PackagePolicy:
        """The stage's policy with this run's changes."""
        return PackagePolicy(
            limit=self.limit, index_url=self.index_url, index_label=self.index_label
        )


@dg.asset(
    group_name="packages",
    partitions_def=REPO,
    deps=[commits],
    pool=SANDBOX_POOL,
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def repo_packages(
    context: dg.AssetExecutionContext,
    config: PackageConfig,
    workspace: Workspace,
    tests: dg.ResourceParam[SandboxedTests],
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Clone, wheels and manifest of one repository: all that its tests need offline."""
    with refusals():
        report = build_package(
            workspace.layout,
            context.partition_key,
            policy=config.policy(),
            runner=tests.runner(workspace.layout),
            progress=progress.of(context),
        )
    return materialized(report)


@partition_check(repo_packages, REPO)
def package_is_sealed(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Every file has the hash that the manifest names, every commit an environment or a reason."""
    with refusals():
        report = check_package(workspace.layout, context.partition_key)
    return judged(report)
