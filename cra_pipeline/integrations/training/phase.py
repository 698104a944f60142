"""One optimisation, from its first step or its newest whole checkpoint to its end."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cra_pipeline.contracts.adapters import AdapterRecipe, MemoryAnswer, Phase
from cra_pipeline.contracts.record import Record
from cra_pipeline.errors import TrainingError
from cra_pipeline.integrations.files import append_journal, read_journal, read_record, write_record
from cra_pipeline.integrations.training.checkpoints import full_disk_told, newest_whole
from cra_pipeline.integrations.training.rows import (
    MASKED,
    PreparedRow,
    newest_apart,
    require_end,
)
from cra_pipeline.integrations.training.watch import Told, Watch, scheduler

_NO_MEMORY = ("can't allocate memory", "out of memory")


class Bench(Protocol):
    """Where a training library of its own comes in: models, and what a device asks for."""

    def load(self, recipe: AdapterRecipe, base: Path, start: Path | None) -> tuple[Any, Any]:
        """Base with a LoRA adapter to train, and its tokenizer.

        Args:
            recipe: Says rank, targets, quantisation and precision.
            base: Folder of the frozen base model.
            start: Folder of an adapter to go on from; None for a fresh one.

        Raises:
            TrainingError: The base cannot be read.
        """
        ...

    def settings(self, recipe: AdapterRecipe) -> dict[str, Any]:
        """Arguments of a TRL trainer that follow from the device."""
        ...


class PhaseEnd(Record):
    """``end.json`` of a phase's folder, written last."""

    train_rows: int
    validation_rows: int
    steps: int
    stopped_early: bool
    tokens: int
    """Read by the process that ended it."""
    seconds: float
    """That took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRun:
    """One phase of a run.

    Attributes:
        bench: The library.
        recipe: Of the adapter.
        phase: Which of its phases.
        base: Folder of the frozen base model.
        start: Folder of the adapter that the phase before made; None in the first.
        rows: All of the phase's, in the dataset's order.
        end: Token of the end of a turn.
        folder: Of this phase alone: checkpoints, ``curve.jsonl``, ``adapter/``, ``end.json``.
        memory: Journal of the run's ``MemoryAnswer``.
        told: Called with each event.
    """

    bench: Bench
    recipe: AdapterRecipe
    phase: Phase
    base: Path
    start: Path | None
    rows: tuple[PreparedRow, ...]
    end: int
    folder: Path
    memory: Path
    told: Told

    @property
    def adapter(self) -> Path:
        """Folder of what it made."""
        return self.folder / "adapter"

    @property
    def curve(self) -> Path:
        """Journal of its events."""
        return self.folder / "curve.jsonl"

    def finished(self) -> PhaseEnd:
        """Run it, unless it has ended already; where memory is full, with a smaller micro-batch.

        A smaller micro-batch begins the phase afresh, so that its weights are those of a run that
        had it from the outset.

        Raises:
            TrainingError: As ``ports.Trainer`` says.
            StoreError: The disk is full.
        """
        if (self.folder / "end.json").exists():
            return read_record(self.folder / "end.json", PhaseEnd)
        while True:
            micro = self._micro_batch()
            try:
                return self._run(micro)
            except RuntimeError as error:
                if not any(words in str(error) for words in _NO_MEMORY):
                    raise
                fault = str(error).partition("\n")[0]
            # Outside of the handler: the error's frames hold the model.
            self._make_room(micro, fault)

    def _micro_batch(self) -> int:
        answers = read_journal(self.memory, MemoryAnswer)
        found = [item.to_micro_batch for item in answers if item.phase == self.phase.form]
        return min([self.phase.micro_batch, *found])

    def _make_room(self, micro: int, fault: str) -> None:
        if micro == 1:
            longest = max(self.rows, key=lambda row: row.tokens)
            raise TrainingError(
                f"{self.phase.form}: memory is too small for one row ({fault}); the longest is "
                f"{longest.example_id} with {longest.tokens} tokens: free memory, quantise the "
                "base, or curate the dataset for a smaller window"
            )
        smaller = next(n for n in range(micro // 2, 0, -1) if self.phase.batch % n == 0)
        shutil.rmtree(self.folder, ignore_errors=True)
        answer = MemoryAnswer(phase=self.phase.form, from_micro_batch=micro, to_micro_batch=smaller)
        append_journal(self.memory, answer)
        gc.collect()
        _empty_device()

    def _run(self, micro: int) -> PhaseEnd:
        train, validation = newest_apart(self.rows, self.phase.validation_share)
        watch = Watch(
            phase=self.phase,
            curve=self.curve,
            names=[row.example_id for row in train],
            told=self.told,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        found = newest_whole(self.folder)
        watch.go_on_from(found[1] if found else 0)
        before = watch.tokens
        trainer = self._trainer(train, validation, micro, watch)
        began = time.monotonic()
        if not watch.stopped:
            trainer.train(resume_from_checkpoint=str(found[0]) if found else None)
        seconds = time.monotonic() - began
        self._keep(trainer.model)
        steps = watch.step
        end = PhaseEnd(
            train_rows=len(train),
            validation_rows=len(validation),
            steps=steps,
            stopped_early=watch.stopped and steps < trainer.state.max_steps,
            tokens=watch.tokens - before,
            seconds=seconds,
        )
        write_record(self.folder / "end.json", end)
        return end

    def _trainer(
        self,
        train: Sequence[PreparedRow],
        validation: Sequence[PreparedRow],
        micro: int,
        watch: Watch,
    ) -> Any:  # noqa: ANN401  # the library's own object
        from transformers import set_seed

        # Before the adapter's first weights are drawn, and again before the order of the rows is.
        set_seed(self.recipe.seed)
        model, tokenizer = self.bench.load(self.recipe, self.base, self.start)
        from cra_pipeline.integrations.training.trl_trainers import (
            Eye,
            dataset_of,
            dpo_trainer,
            sft_trainer,
        )

        set_seed(self.recipe.seed)
        form = self.phase.form
        data = (dataset_of(train, form), dataset_of(validation, form) if validation else None)
        settings = self._settings(micro, evaluated=bool(validation))
        if form == "sft":
            trainer = sft_trainer(model, tokenizer, data, settings)
        else:
            trainer = dpo_trainer(model, tokenizer, data, {**settings, "beta": self.phase.beta})
        trainer.watch = watch
        trainer.add_callback(Eye(watch, self.folder / "best"))
        require_batch(trainer, train[:micro], self.end)
        return trainer

    def _settings(self, micro: int, *, evaluated: bool) -> dict[str, Any]:
        phase = self.phase
        ordered = self.recipe.technique == "sft_curriculum"
        return {
            "output_dir": str(self.folder),
            "per_device_train_batch_size": micro,
            "per_device_eval_batch_size": micro,
            "gradient_accumulation_steps": phase.batch // micro,
            "num_train_epochs": phase.epochs,
            "max_steps": phase.most_steps or -1,
            "learning_rate": phase.learning_rate,
            "lr_scheduler_type": scheduler(phase),
            "warmup_steps": phase.warmup,
            "optim": phase.optimizer,
            "seed": self.recipe.seed,
            "data_seed": self.recipe.seed,
            "train_sampling_strategy": "sequential" if ordered else "random",
            "logging_steps": 1,
            # The library would put the mean in the place of a loss that is not finite.
            "logging_nan_inf_filter": False,
            "eval_strategy": "steps" if evaluated else "no",
            "eval_steps": phase.eval_steps,
            "prediction_loss_only": True,
            "save_strategy": "steps",
            "save_steps": phase.eval_steps,
            "report_to": "none",
            "disable_tqdm": True,
            "remove_unused_columns": False,
            **self.bench.settings(self.recipe),
        }

    def _keep(self, model: Any) -> None:  # noqa: ANN401  # the library's own object
        """The best state where there is one, else the last."""
        from cra_pipeline.integrations.training.trl_trainers import save_adapter

        shutil.rmtree(self.adapter, ignore_errors=True)
        with full_disk_told(self.adapter):
            if (self.folder / "best").exists():
                shutil.copytree(self.folder / "best", self.adapter)
            else:
                save_adapter(model, self.adapter)


def require_batch(trainer: Any, rows: Sequence[PreparedRow], end: int) -> None:  # noqa: ANN401  # the library's own object
    """Ask the trainer's own collator what it trains of rows: each answer, and no padding.

    Raises:
        TrainingError: The end of a turn is not the last trained token of a row.
    """
    examples = [trainer.train_dataset[at] for at in range(len(rows))]
    batch = trainer.data_collator(examples)
    ids = batch["input_ids"].tolist()
    if "labels" in batch:
        kept = [[label != MASKED for label in line] for line in batch["labels"].tolist()]
    else:
        kept = [[bool(one) for one in line] for line in batch["completion_mask"].tolist()]
    answers = [row.answers[0] for row in rows]
    # Of pairs the chosen ones stand first, then all the rejected ones.
    answers += [row.answers[1] for row in rows if len(row.answers) > 1]
    names = [row.example_id for row in rows] * (len(answers) // len(rows))
    for name, line, mask, answer in zip(names, ids, kept, answers, strict=True):
        trained = [token for token, keep in zip(line, mask, strict=True) if keep]
        require_end(name, trained, end)
        if tuple(trained) != answer:
            raise TrainingError(f"row {name}: its batch trains other tokens than its answer")


def _empty_device() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
