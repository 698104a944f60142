"""The asset of the registry: what became of a gated adapter, and the check on what serves."""

import dagster as dg

from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.gates import gate_report, round_gate
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import KIND_BY_ROUND, repo_and_round
from cra_pipeline.definitions.resources import INFRASTRUCTURE_RETRIES, Workspace, refusals
from cra_pipeline.gates.stage.advice import rollback_advice
from cra_pipeline.registry.stage.entries import check_active, enter


@dg.asset(
    group_name="registry",
    partitions_def=KIND_BY_ROUND,
    deps=[gate_report, round_gate],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def registry_entry(
    context: dg.AssetExecutionContext, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """The adapter's version, and its promotion or refusal; a regressed one is rolled back."""
    with refusals():
        worse = rollback_advice(workspace.layout, repo_and_round(context.partition_key)[1])
        report = enter(workspace.layout, context.partition_key, worse=worse)
    return materialized(report)


@partition_check(registry_entry, KIND_BY_ROUND)
def active_version_is_gated(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """What serves passed its gates; a promotion against them is rolled back on the spot."""
    with refusals():
        report = check_active(workspace.layout, context.partition_key)
    return judged(report)
