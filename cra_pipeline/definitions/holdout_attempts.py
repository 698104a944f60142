"""The asset of the gates' evidence: base, incumbent and candidate on what is kept out."""

import warnings

import dagster as dg

from cra_pipeline.definitions.adapters import adapter
from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.datasets import holdout
from cra_pipeline.definitions.harness import tasks
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import ROUND
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    SANDBOX_POOL,
    ProgressSource,
    SandboxedTests,
    Workspace,
    refusals,
)
from cra_pipeline.harness.arms import TOGETHER
from cra_pipeline.harness.holdout import HoldoutPolicy
from cra_pipeline.harness.stage.holdout_attempts import Means, hold_attempts
from cra_pipeline.harness.stage.holdout_check import check_holdout_attempts
from cra_pipeline.kinds import ADAPTER_KINDS

# `together` stands for all candidates of a round that passed their own gates, at once.
HELD_BY_ROUND = dg.MultiPartitionsDefinition(
    {"kind": dg.StaticPartitionsDefinition((*ADAPTER_KINDS, TOGETHER)), "round": ROUND}
)


def own_and_together() -> dg.MultiPartitionMapping:
    """A kind's attempts are made with its own adapter, ``together`` with all of the round."""
    kinds = dg.StaticPartitionMapping({kind: (kind, TOGETHER) for kind in ADAPTER_KINDS})
    with warnings.catch_warnings():
        # Beta in this pinned version; the tests cover its use.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.MultiPartitionMapping(
            {
                "kind": dg.DimensionPartitionMapping("kind", kinds),
                "round": dg.DimensionPartitionMapping("round", dg.IdentityPartitionMapping()),
            }
        )


class HoldoutConfig(dg.Config):
    """What one run may change.

    Attributes:
        limit: Most tasks over all repositories; 0 for all.
        seeds: How many, from 0: one attempt of each arm on each task for every seed.
        temperature: Of every call; 0 for the likeliest answer, always.
        wall_s: Seconds that the run which judges an attempt may take.
        cpu_s: Seconds of processor time that it may use.
    """

    limit: int = HoldoutPolicy().limit
    seeds: int = len(HoldoutPolicy().seeds)
    temperature: float = HoldoutPolicy().temperature
    wall_s: float = HoldoutPolicy().limits.wall_s
    cpu_s: int = HoldoutPolicy().limits.cpu_s

    def policy(self) -> HoldoutPolicy:
        """The stage's policy with this run's changes."""
        times = {"wall_s": self.wall_s, "cpu_s": self.cpu_s}
        return HoldoutPolicy(
            limit=self.limit,
            seeds=tuple(range(self.seeds)),
            temperature=self.temperature,
            limits=HoldoutPolicy().limits.model_copy(update=times),
        )


@dg.asset(
    group_name="harness",
    partitions_def=HELD_BY_ROUND,
    deps=[
        dg.AssetDep(adapter, partition_mapping=own_and_together()),
        holdout,
        dg.AssetDep(tasks, partition_mapping=dg.AllPartitionMapping()),
    ],
    pool=SANDBOX_POOL,
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def holdout_attempts(
    context: dg.AssetExecutionContext,
    config: HoldoutConfig,
    workspace: Workspace,
    tests: dg.ResourceParam[SandboxedTests],
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Base, incumbent and candidate on the round's holdout, judged by the hidden tests."""
    with refusals():
        report = hold_attempts(
            workspace.layout,
            context.partition_key,
            Means(
                policy=config.policy(),
                runner=tests.runner(workspace.layout),
                sandbox=tests.sandbox(),
                progress=progress.of(context),
            ),
        )
    return materialized(report)


@partition_check(holdout_attempts, HELD_BY_ROUND)
def holdout_attempts_are_evidence(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Every arm was asked the same, every answer is in a log, every task beyond the line."""
    with refusals():
        report = check_holdout_attempts(workspace.layout, context.partition_key)
    return judged(report)
