"""Asset of published data sets in the agent's format, before any round has data of its own."""

import dagster as dg

from cra_pipeline.datasets.stage.cold_start import check_cold_start, make_cold_start
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    ProgressSource,
    Workspace,
    refusals,
)


@dg.asset(group_name="datasets", retry_policy=INFRASTRUCTURE_RETRIES)
def cold_start(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Rows of the published files that ``cold_start.toml`` lists, as edits of the agent."""
    with refusals():
        report = make_cold_start(workspace.layout, progress=progress.of(context))
    return materialized(report)


@dg.asset_check(asset=cold_start, blocking=True)
def cold_start_can_be_said(workspace: Workspace) -> dg.AssetCheckResult:
    """Every answer applies to what its prompt shows; every row says source and licence."""
    with refusals():
        report = check_cold_start(workspace.layout)
    return judged(report)
