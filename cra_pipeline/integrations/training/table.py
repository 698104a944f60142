"""Trainers by name, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal

from cra_pipeline.contracts.ports import Trainer
from cra_pipeline.errors import TrainingError

Device = Literal["gpu", "processor"]


def _peft() -> Trainer:
    from cra_pipeline.integrations.training.peft import PeftTrainer

    return PeftTrainer()


def _unsloth() -> Trainer:
    from cra_pipeline.integrations.training.unsloth import UnslothTrainer, require_unsloth

    require_unsloth()
    return UnslothTrainer()


TRAINERS: dict[str, Callable[[], Trainer]] = {"peft": _peft, "unsloth": _unsloth}
"""By name."""


def trainer_named(name: str = "") -> Trainer:
    """A trainer; without a name Unsloth where it and a GPU are there, else PEFT.

    Raises:
        TrainingError: No such trainer, or what it needs is missing; the message says what mends it.
    """
    if not name:
        name = "unsloth" if device() == "gpu" and find_spec("unsloth") else "peft"
    if name not in TRAINERS:
        raise TrainingError(f"{name!r} is no trainer: expected one of {', '.join(TRAINERS)}")
    return TRAINERS[name]()


def device() -> Device:
    """Where this machine would train."""
    from cra_pipeline.integrations.training.peft import on_gpu

    return "gpu" if on_gpu() else "processor"
