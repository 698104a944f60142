"""The asset of what serves: the registry's word, tried on this machine."""

import dagster as dg

from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import ROUND
from cra_pipeline.definitions.registry import registry_entry
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    SANDBOX_POOL,
    Workspace,
    refusals,
)
from cra_pipeline.registry.stage.in_service import in_service, registered
from cra_pipeline.serving.stage.deploying import Means, check_deployment, deploy
from cra_pipeline.serving.stage.options import terms_of


class DeploymentConfig(dg.Config):
    """Which servers a deployment is tried with.

    Attributes:
        server: Name in the table of model servers.
        precision: Of weights and activations: that of the gates.
        device: As torch names it.
        memory_gib: That servers may take; 0 for what the device has.
    """

    server: str = "transformers"
    precision: str = "float32"
    device: str = "cpu"
    memory_gib: float = 0.0


@dg.asset(
    group_name="serving",
    partitions_def=ROUND,
    deps=[registry_entry],
    retry_policy=INFRASTRUCTURE_RETRIES,
    pool=SANDBOX_POOL,
)
def deployment(
    context: dg.AssetExecutionContext, config: DeploymentConfig, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """What the registry says serves, started, asked one logged prompt of each kind, and ended."""
    with refusals():
        terms = terms_of(config.server, config.precision, config.device, config.memory_gib)
        report = deploy(workspace.layout, context.partition_key, Means(in_service, terms))
    return materialized(report)


@partition_check(deployment, ROUND)
def deployment_serves_what_was_gated(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """The files that were served are those that were gated, and in the same form."""
    with refusals():
        report = check_deployment(workspace.layout, context.partition_key, registered)
    return judged(report)
