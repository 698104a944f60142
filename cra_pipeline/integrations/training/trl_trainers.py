"""TRL's two trainers, on rows that are tokens already, with an eye on them.

Imported when a run starts, as it imports torch; behind Unsloth, which changes TRL as it is
imported, and so must come first.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer, TrainerCallback
from trl import (  # type: ignore[attr-defined]  # exported as they are asked for
    DPOConfig,
    DPOTrainer,
    SFTConfig,
    SFTTrainer,
)

from cra_pipeline.integrations.training.checkpoints import full_disk_told, mark_whole
from cra_pipeline.integrations.training.rows import PreparedRow
from cra_pipeline.integrations.training.watch import Watch

TRAINED = "default"
"""Name of the adapter that is trained; the reference of a preference phase lies beside it."""
NUMBERS = "row_numbers"


class Watched(Trainer):
    """What both trainers do beside training."""

    watch: Watch

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401  # the library's own objects
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002  # the library's signature
        num_items_in_batch: Any = None,  # noqa: ANN401  # as above
    ) -> Any:  # noqa: ANN401  # as above
        """The loss of a micro-batch, looked at before it is learnt from."""
        numbers = inputs.pop(NUMBERS).tolist()
        tokens = int(inputs["attention_mask"].sum()) if "attention_mask" in inputs else 0
        training = model.training
        found: Any = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss = found[0] if return_outputs else found
        self.watch.look(float(loss.detach()), numbers, tokens, training=training)
        return found

    def create_model_card(self, *_: object, **__: object) -> None:
        """None: what is to be said of an adapter stands in its manifest."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:  # noqa: ANN401, ARG002  # the library's signature
        # With a second adapter in the folder the library would take up that one alone.
        save_adapter(self.model, Path(str(output_dir or self.args.output_dir)))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ANN401  # as above
        with full_disk_told(Path(str(self.args.output_dir))):
            super()._save_checkpoint(model, trial)


class WatchedSft(Watched, SFTTrainer):
    """Supervised, on labels as they are given."""


class WatchedDpo(Watched, DPOTrainer):
    """By preference, on tokens as they are given."""

    def _prepare_dataset(self, dataset: Dataset, *_: object, **__: object) -> Dataset:
        return dataset


class Eye(TrainerCallback):
    """Hands what the trainer shows to a ``Watch``."""

    def __init__(self, watch: Watch, best: Path) -> None:
        self._watch, self._best, self._rate = watch, best, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401  # the library's own objects
        """The last state is evaluated too, wherever the steps end."""
        if state.global_step >= state.max_steps and args.eval_strategy != "no":
            control.should_evaluate = True

    def on_log(self, args: Any, state: Any, control: Any, **seen: Any) -> None:  # noqa: ANN401, ARG002  # as above
        """Losses of steps; those of evaluations come by ``on_evaluate``."""
        logs: dict[str, float] = seen["logs"]
        if "loss" in logs:
            self._rate = logs["learning_rate"]
            self._watch.stepped(state.global_step, state.max_steps, logs)

    def on_evaluate(self, args: Any, state: Any, control: Any, **seen: Any) -> None:  # noqa: ANN401, ARG002  # as above
        """Keep the best state, and stop where there is no gain any more."""
        metrics: dict[str, float] = seen["metrics"]
        if self._watch.evaluated(state.global_step, state.max_steps, metrics, self._rate):
            half = self._best.with_name(f"{self._best.name}.tmp")
            with full_disk_told(self._best):
                shutil.rmtree(half, ignore_errors=True)
                save_adapter(seen["model"], half)
                shutil.rmtree(self._best, ignore_errors=True)
                half.rename(self._best)
        control.should_training_stop |= self._watch.stopped

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002  # as above
        """A checkpoint is written."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        mark_whole(folder, state.global_step)


class Numbered:
    """A collator that says which rows a batch is made of."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401  # the library's own objects
        self._inner = inner

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The library's batch, and the rows' numbers beside it."""
        batch: dict[str, Any] = self._inner(examples)
        batch[NUMBERS] = torch.tensor([example["number"] for example in examples])
        return batch


def save_adapter(model: Any, folder: Path) -> None:  # noqa: ANN401  # the library's own objects
    """Write the trained adapter alone."""
    # Left to itself the library asks a hub about the base's vocabulary.
    model.save_pretrained(str(folder), selected_adapters=[TRAINED], save_embedding_layers=False)


def dataset_of(rows: Sequence[PreparedRow], form: str) -> Dataset:
    """Rows as TRL's own preparation leaves them, with their numbers."""
    if form == "sft":
        return Dataset.from_list([
            {"input_ids": [*row.prompt, *row.answers[0]], "labels": list(row.labels), "number": at}
            for at, row in enumerate(rows)
        ])  # fmt: skip
    return Dataset.from_list([
        {"prompt_ids": list(row.prompt), "chosen_ids": list(row.answers[0]),
         "rejected_ids": list(row.answers[1]), "number": at}
        for at, row in enumerate(rows)
    ])  # fmt: skip


Data = tuple[Dataset, Dataset | None]
"""Rows to train on, and to validate on where some were held back."""


def sft_trainer(model: Any, tokenizer: Any, data: Data, settings: dict[str, Any]) -> Watched:  # noqa: ANN401  # the library's own objects
    """A supervised trainer."""
    prepared = {"skip_prepare_dataset": True}
    arguments = SFTConfig(**settings, max_length=None, packing=False, dataset_kwargs=prepared)
    train, validation = data
    return _finished(
        WatchedSft(
            model,
            args=arguments,
            train_dataset=train,
            eval_dataset=validation,
            processing_class=tokenizer,
        )
    )


def dpo_trainer(model: Any, tokenizer: Any, data: Data, settings: dict[str, Any]) -> Watched:  # noqa: ANN401  # the library's own objects
    """A trainer by preference; the reference is the model as it is handed in."""
    arguments = DPOConfig(**settings, max_length=None)
    train, validation = data
    return _finished(
        WatchedDpo(
            model,
            args=arguments,
            train_dataset=train,
            eval_dataset=validation,
            processing_class=tokenizer,
        )
    )


def _finished(trainer: Watched) -> Watched:
    from transformers import PrinterCallback

    trainer.data_collator = Numbered(trainer.data_collator)
    trainer.remove_callback(PrinterCallback)
    return trainer
