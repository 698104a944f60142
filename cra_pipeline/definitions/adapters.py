"""The asset of training: one adapter of each kind and round."""

import dagster as dg
from pydantic import Field

from cra_pipeline.adapters.guards import GuardPolicy
from cra_pipeline.adapters.recipe import Device, RecipePolicy
from cra_pipeline.adapters.stage.ready import Choices
from cra_pipeline.adapters.stage.train import check_adapter, train_adapter
from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.datasets import dpo_dataset, sft_dataset
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.partitions import (
    DPO_KIND_BY_ROUND,
    KIND_BY_ROUND,
    SFT_KIND_BY_ROUND,
    same_kind_and_round,
)
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    SANDBOX_POOL,
    ProgressSource,
    Workspace,
    refusals,
)
from cra_pipeline.integrations.training.table import device, trainer_named


class TrainingConfig(dg.Config):
    """What one run may choose; every other number follows from kind and base.

    Attributes:
        base: Id of a base; empty for the newest that the kind names and none made obsolete.
        trainer: ``peft`` or ``unsloth``; empty for what fits this machine.
        device: ``gpu`` or ``processor``; empty for what this machine has.
        most_steps: Of each phase; 0 for as many as the kind's recipe has.
        seed: Of first weights and the order of rows.
        shuffled_labels: Train a negative control, on exchanged answers.
        teachers: Models that are no students of ours, by the names in the calls' logs: what they
            wrote does not count as a student's own words.
    """

    base: str = ""
    trainer: str = ""
    device: str = ""
    most_steps: int = 0
    seed: int = RecipePolicy().seed
    shuffled_labels: bool = False
    teachers: list[str] = Field(default_factory=list)

    def choices(self) -> Choices:
        """As the stage takes them.

        Raises:
            ValueError: No such device.
        """
        known: dict[str, Device] = {"gpu": "gpu", "processor": "processor"}
        if self.device and self.device not in known:
            raise ValueError(f"device {self.device!r}: expected gpu, processor, or nothing")
        return Choices(
            base=self.base,
            device=known.get(self.device) or device(),
            most_steps=self.most_steps,
            seed=self.seed,
            control="shuffled_labels" if self.shuffled_labels else "",
            guards=GuardPolicy(teachers=tuple(sorted(self.teachers))),
        )


@dg.asset(
    group_name="adapters",
    partitions_def=KIND_BY_ROUND,
    deps=[
        dg.AssetDep(sft_dataset, partition_mapping=same_kind_and_round(SFT_KIND_BY_ROUND)),
        dg.AssetDep(dpo_dataset, partition_mapping=same_kind_and_round(DPO_KIND_BY_ROUND)),
    ],
    pool=SANDBOX_POOL,
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def adapter(
    context: dg.AssetExecutionContext,
    config: TrainingConfig,
    workspace: Workspace,
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """LoRA weights of one adapter kind and round, trained from the frozen base, and vetted."""
    with refusals():
        report = train_adapter(
            workspace.layout,
            context.partition_key,
            trainer_named(config.trainer),
            config.choices(),
            progress=progress.of(context),
        )
    return materialized(report)


@partition_check(adapter, KIND_BY_ROUND)
def adapter_is_sound(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Files, base and datasets are those that the recipe names, and the weights may be served."""
    with refusals():
        report = check_adapter(workspace.layout, context.partition_key)
    return judged(report)
