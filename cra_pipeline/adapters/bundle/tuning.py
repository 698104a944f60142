"""Numbers of the full fine-tune, and the files that start it on four cards of 80 GB. Pure.

The strategy fixes machine, windows and ZeRO-2, and says nothing of learning rate or batch: those
here are customary for supervised full fine-tunes of this size, and a trial's validation loss is
what decides about them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cra_pipeline.adapters.bundle.parts import BundlePolicy, windows
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.bundles import BundleRecipe

REQUIREMENTS = (
    "accelerate==1.15.0",
    "deepspeed==0.19.8",
    "jinja2==3.1.6",
    "numpy==2.4.6",
    "safetensors==0.8.0",
    "tokenizers==0.23.3",
    "torch==2.13.0",
    "transformers==5.17.0",
)
"""What the bundle's program imports, deepspeed for the launcher; the versions that this project
is tested with, deepspeed excepted, which needs a GPU's toolchain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningPolicy:
    """What a recipe takes over.

    Attributes:
        learning_rate: At its height.
        schedule: Over all steps.
        warmup: Share of the steps.
        weight_decay: Of all weights.
        epochs: Passes over the rows.
        batch: Rows to an optimiser step, over all devices.
        devices: GPUs.
        precision: On GPUs.
        zero_stage: Of DeepSpeed; never 3.
        seed: Of the order of rows.
    """

    learning_rate: float = 1e-5
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.03
    weight_decay: float = 0.0
    epochs: float = 2.0
    batch: int = 64
    devices: int = 4
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    zero_stage: int = 2
    seed: int = 0


TINY = TuningPolicy(learning_rate=1e-3, epochs=1.0, batch=4, devices=1, precision="float32")
"""For the tiny base, which a processor tunes in seconds."""


def tuning_of(base: BaseRecord) -> TuningPolicy:
    """The numbers for a base."""
    return TINY if base.role == "tiny" else TuningPolicy()


def bundle_recipe(
    round_name: str, base: BaseRecord, policy: BundlePolicy, tuning: TuningPolicy
) -> BundleRecipe:
    """Everything resolved for one base.

    Raises:
        ValueError: ZeRO-3 is asked for.
    """
    if tuning.zero_stage > 2:  # noqa: PLR2004  # the stage's own name
        raise ValueError(
            f"ZeRO-{tuning.zero_stage}: it breaks what is trained on Qwen3 later, and a sharded "
            "save lacks weights; use 2"
        )
    return BundleRecipe(
        round=round_name, base_name=base.name, base_digest=base.content_id, role=base.role,
        end_of_turn=base.end_of_turn, window=min(policy.window, base.window),
        windows=windows(policy, base.window), learning_rate=tuning.learning_rate,
        schedule=tuning.schedule, warmup=tuning.warmup, weight_decay=tuning.weight_decay,
        epochs=tuning.epochs, batch=tuning.batch, devices=tuning.devices,
        precision=tuning.precision, zero_stage=tuning.zero_stage, seed=tuning.seed,
    )  # fmt: skip


def accelerate_config(recipe: BundleRecipe) -> str:
    """``accelerate.yaml``."""
    mixed = "bf16" if recipe.precision == "bfloat16" else "no"
    return f"""compute_environment: LOCAL_MACHINE
distributed_type: DEEPSPEED
deepspeed_config:
  zero_stage: {recipe.zero_stage}
  gradient_accumulation_steps: auto
  gradient_clipping: 1.0
  offload_optimizer_device: none
  offload_param_device: none
mixed_precision: "{mixed}"
num_machines: 1
num_processes: {recipe.devices}
machine_rank: 0
main_training_function: main
same_network: true
use_cpu: false
"""


LAUNCH = """#!/bin/sh
# launch.sh BASE OUT: check, then tune on all devices. Refuses any ZeRO stage but 2.
set -eu
cd "$(dirname "$0")"
stage=$(sed -n 's/^ *zero_stage: *//p' accelerate.yaml)
stage=${ACCELERATE_DEEPSPEED_ZERO_STAGE:-$stage}
if [ "$stage" != 2 ]; then
    echo "refused: ZeRO-$stage: accelerate.yaml must say zero_stage: 2" >&2
    exit 2
fi
python check.py --base "$1"
accelerate launch --config_file accelerate.yaml train.py --base "$1" --out "$2"
"""


def starter(module: str) -> str:
    """A script at the bundle's top that runs a module of its program."""
    return (
        f'"""Runs program/{module}.py."""\n\nimport sys\n\nfrom program.{module} import main\n\n'
        'if __name__ == "__main__":\n    sys.exit(main())\n'
    )
