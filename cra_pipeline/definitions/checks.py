"""Blocking checks, one for each partition of an asset."""

import warnings
from collections.abc import Callable

import dagster as dg

# Dagster publishes the decorator's result, but not the type of what it decorates.
CheckFunction = Callable[..., dg.AssetCheckResult]


def partition_check(
    asset: dg.AssetsDefinition, partitions: dg.PartitionsDefinition[str]
) -> Callable[[CheckFunction], dg.AssetChecksDefinition]:
    """Decorator: a check of one partition, without which the same run goes no further.

    An unpartitioned check would hold the result of whichever repository came last.
    """

    def decorate(function: CheckFunction) -> dg.AssetChecksDefinition:
        with warnings.catch_warnings():
            # Partitioned checks are a preview in this pinned version; the tests cover their use.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return dg.asset_check(asset=asset, blocking=True, partitions_def=partitions)(function)

    return decorate
