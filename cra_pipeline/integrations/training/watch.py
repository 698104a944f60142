"""What is seen of a phase while it runs: its curve, its best state, and when to stop.

Everything follows from the curve on disk, so that a run that is taken up again knows as much as
one that was never broken off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cra_pipeline.contracts.adapters import Phase, TrainingEvent
from cra_pipeline.errors import TrainingError
from cra_pipeline.integrations.files import append_journal, read_journal, write_bytes

Told = Callable[[TrainingEvent, int], None]


@dataclass(slots=True, kw_only=True)
class Watch:
    """The eye on one phase.

    Attributes:
        phase: As the recipe says.
        curve: Its journal of ``TrainingEvent``.
        names: Ids of the rows by their number.
        told: Called with each event and the steps of the phase.
        tokens: Read so far.
        step: Of the last event.
        loss: Of the last step.
        best: Least loss on the validation rows.
        since: Evaluations since then.
    """

    phase: Phase
    curve: Path
    names: Sequence[str]
    told: Told
    tokens: int = 0
    step: int = 0
    loss: float = math.nan
    best: float = math.inf
    since: int = 0
    stopped: bool = field(default=False)

    def go_on_from(self, step: int) -> None:
        """Know what was seen up to a step, and forget what came after it.

        Raises:
            StoreError: The curve cannot be read, or the disk is full.
        """
        kept = [item for item in read_journal(self.curve, TrainingEvent) if item.step <= step]
        text = "".join(f"{item.canonical_json()}\n" for item in kept)
        write_bytes(self.curve, text.encode())
        for item in kept:
            self._note(item)

    def look(self, loss: float, rows: Sequence[int], tokens: int, *, training: bool) -> None:
        """A micro-batch's loss, before anything is learnt from it.

        Raises:
            TrainingError: It is not finite.
        """
        if not math.isfinite(loss):
            names = ", ".join(self.names[number] for number in rows) if training else "validation"
            raise TrainingError(
                f"{self.phase.form} step {self.step + 1}: the loss is {loss}; rows {names}: look "
                "at these rows, or lower the learning rate, then train again"
            )
        if training:
            self.tokens += tokens

    def stepped(self, step: int, steps: int, logs: dict[str, float]) -> None:
        """One optimiser step is done.

        Raises:
            StoreError: The disk is full.
        """
        event = TrainingEvent(
            phase=self.phase.form,
            step=step,
            loss=logs["loss"],
            learning_rate=logs["learning_rate"],
            margin=logs.get("rewards/margins"),
            tokens=self.tokens,
        )
        self._write(event, steps)

    def evaluated(self, step: int, steps: int, metrics: dict[str, float], rate: float) -> bool:
        """The validation rows were looked at.

        Returns:
            Whether this is the best state so far.

        Raises:
            StoreError: The disk is full.
        """
        before = self.best
        event = TrainingEvent(
            phase=self.phase.form,
            step=step,
            loss=self.loss,
            learning_rate=rate,
            eval_loss=metrics["eval_loss"],
            margin=metrics.get("eval_rewards/margins"),
            tokens=self.tokens,
        )
        self._write(event, steps)
        return self.best < before

    def _write(self, event: TrainingEvent, steps: int) -> None:
        append_journal(self.curve, event)
        self._note(event)
        self.told(event, steps)

    def _note(self, event: TrainingEvent) -> None:
        self.step, self.loss, self.tokens = event.step, event.loss, event.tokens
        if event.eval_loss is None:
            return
        better = event.eval_loss < self.best
        self.best = event.eval_loss if better else self.best
        self.since = 0 if better else self.since + 1
        self.stopped = bool(self.phase.patience) and self.since >= self.phase.patience


def last_tenth(events: Sequence[TrainingEvent]) -> float:
    """Mean loss of the last tenth of a phase's steps, one at least."""
    losses = [event.loss for event in events if event.eval_loss is None]
    last = losses[-max(1, len(losses) // 10) :]
    return math.fsum(last) / len(last)


def least_evaluation(events: Sequence[TrainingEvent]) -> float | None:
    """Least validation loss; None where nothing was held back."""
    return min((e.eval_loss for e in events if e.eval_loss is not None), default=None)


Schedule = Literal["cosine", "constant_with_warmup", "constant"]


def scheduler(phase: Phase) -> Schedule:
    """Name of a phase's schedule as transformers knows it."""
    if phase.schedule == "cosine":
        return "cosine"
    return "constant_with_warmup" if phase.warmup else "constant"
