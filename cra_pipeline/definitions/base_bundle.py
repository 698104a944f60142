"""The asset of the outsourced fine-tune: one archive for each round."""

from dataclasses import replace

import dagster as dg

from cra_pipeline.adapters.stage.bundle import BundleChoices, Sides, check_bundle, export
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.lines import kept_out_changes, line_of
from cra_pipeline.datasets.stage.takedowns import takedown_rule
from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.datasets import plan_documents, round_pool
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import ROUND, rounds_from_on
from cra_pipeline.definitions.resources import INFRASTRUCTURE_RETRIES, Workspace, refusals


class BundleConfig(dg.Config):
    """What one run may choose.

    Attributes:
        base: Id of the base that is tuned; empty for the newest that planning is done on.
    """

    base: str = ""

    def choices(self) -> BundleChoices:
        """As the stage takes them."""
        return BundleChoices(base=self.base)


def sides_of(layout: Layout, round_name: str) -> Sides:
    """A round's line, with what is kept out by its change, and the tombstones.

    Raises:
        RoundError: The round is not opened.
    """
    line = line_of(layout, round_name)
    gone, tombstones = takedown_rule(layout)
    return Sides(
        line=replace(line, kept_out_changes=kept_out_changes(layout, line)),
        gone=gone.fault,
        tombstones=tombstones,
    )


@dg.asset(
    group_name="adapters",
    partitions_def=ROUND,
    deps=[
        round_pool,
        dg.AssetDep(plan_documents, partition_mapping=rounds_from_on(ROUND.get_partition_keys())),
    ],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def base_bundle(
    context: dg.AssetExecutionContext, config: BundleConfig, workspace: Workspace
) -> dg.MaterializeResult[None]:
    """Data, recipe, program and hashes of the base's full fine-tune, in one archive."""
    with refusals():
        sides = sides_of(workspace.layout, context.partition_key)
        report = export(workspace.layout, context.partition_key, sides, config.choices())
    return materialized(report)


@partition_check(base_bundle, ROUND)
def bundle_is_whole(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Hashes and counts hold, and every row lies on the near side of the line."""
    with refusals():
        sides = sides_of(workspace.layout, context.partition_key)
        report = check_bundle(workspace.layout, context.partition_key, sides)
    return judged(report)
