"""Assets of the gates: each candidate on its own, then everything new of a round together."""

import warnings

import dagster as dg

from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.holdout_attempts import holdout_attempts
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import KIND_BY_ROUND, ROUND
from cra_pipeline.definitions.resources import INFRASTRUCTURE_RETRIES, Workspace, refusals
from cra_pipeline.gates.stage.reports import check_gate, gate
from cra_pipeline.gates.stage.rounds import check_round_gate
from cra_pipeline.gates.stage.rounds import round_gate as gate_round
from cra_pipeline.kinds import ADAPTER_KINDS


def own_attempts() -> dg.MultiPartitionMapping:
    """A kind is judged by its own attempts; those of all together are for the round's gate."""
    kinds = dg.StaticPartitionMapping({kind: kind for kind in ADAPTER_KINDS})
    with warnings.catch_warnings():
        # Beta in this pinned version; the tests cover its use.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.MultiPartitionMapping(
            {
                "kind": dg.DimensionPartitionMapping("kind", kinds),
                "round": dg.DimensionPartitionMapping("round", dg.IdentityPartitionMapping()),
            }
        )


@dg.asset(
    group_name="gates",
    partitions_def=KIND_BY_ROUND,
    deps=[dg.AssetDep(holdout_attempts, partition_mapping=own_attempts())],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def gate_report(
    context: dg.AssetExecutionContext, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """A candidate against the frozen base and the version in service, and what follows of it."""
    with refusals():
        report = gate(workspace.layout, context.partition_key)
    return materialized(report)


@partition_check(gate_report, KIND_BY_ROUND)
def gate_report_follows_from_its_tables(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Decided again from the tables, report and page say the same, be it passed or failed."""
    with refusals():
        report = check_gate(workspace.layout, context.partition_key)
    return judged(report)


@dg.asset(
    group_name="gates",
    partitions_def=ROUND,
    deps=[gate_report, holdout_attempts],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def round_gate(
    context: dg.AssetExecutionContext, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """Gates 1 and 2 over all candidates of a round that passed, before anything is promoted."""
    with refusals():
        report = gate_round(workspace.layout, context.partition_key)
    return materialized(report)


@partition_check(round_gate, ROUND)
def round_gate_follows_from_its_reports(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Decided again from reports and tables, it says the same."""
    with refusals():
        report = check_round_gate(workspace.layout, context.partition_key)
    return judged(report)
