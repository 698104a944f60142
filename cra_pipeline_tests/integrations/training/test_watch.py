"""The eye on a phase: what it stops, and that it knows as much after a break."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from cra_pipeline.contracts.adapters import TrainingEvent
from cra_pipeline.errors import TrainingError
from cra_pipeline.integrations.training.watch import (
    Watch,
    last_tenth,
    least_evaluation,
    scheduler,
)
from cra_pipeline_tests.adapters.worlds import phase


def watch(tmp_path: Path, *, patience: int = 2) -> Watch:
    return Watch(
        phase=phase("sft", patience=patience),
        curve=tmp_path / "curve.jsonl",
        names=["a", "b", "c"],
        told=lambda event, steps: None,  # noqa: ARG005  # a listener that does not listen
    )


def evaluate(eye: Watch, *losses: float) -> list[bool]:
    found = []
    for step, loss in enumerate(losses, 1):
        eye.stepped(step, 9, {"loss": loss, "learning_rate": 0.1})
        found.append(eye.evaluated(step, 9, {"eval_loss": loss}, 0.1))
    return found


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_step_and_rows(tmp_path: Path, loss: float) -> None:
    eye = watch(tmp_path)
    evaluate(eye, 1.0)

    with pytest.raises(TrainingError, match=f"sft step 2: the loss is {loss}; rows a, c"):
        eye.look(loss, [0, 2], 7, training=True)


def test_training_stops_after_so_many_evaluations_without_gain(tmp_path: Path) -> None:
    eye = watch(tmp_path)

    assert evaluate(eye, 3.0, 2.0, 2.0) == [True, True, False]
    assert not eye.stopped
    assert evaluate(eye, 2.5) == [False]
    assert eye.stopped


def test_without_patience_it_never_stops(tmp_path: Path) -> None:
    eye = watch(tmp_path, patience=0)
    evaluate(eye, *[1.0] * 9)

    assert not eye.stopped


def test_a_broken_run_knows_what_an_unbroken_one_knew(tmp_path: Path) -> None:
    eye = watch(tmp_path)
    eye.look(1.0, [0], 5, training=True)
    evaluate(eye, 3.0, 2.0, 2.5, 1.0)
    again = watch(tmp_path)
    again.go_on_from(3)

    assert (again.step, again.best, again.since, again.tokens) == (3, 2.0, 1, 5)
    assert len(again.curve.read_text().splitlines()) == 6


def test_losses_of_steps_and_evaluations_are_kept_apart() -> None:
    events = [
        TrainingEvent(phase="sft", step=step, loss=float(step), learning_rate=0.1)
        for step in range(1, 31)
    ]
    events.append(events[-1].model_copy(update={"eval_loss": 0.5}))

    assert last_tenth(events) == 29.0
    assert least_evaluation(events) == 0.5
    assert least_evaluation(events[:-1]) is None


def test_a_constant_schedule_warms_up_where_it_is_asked_to() -> None:
    assert scheduler(phase("sft")) == "cosine"
    assert scheduler(phase("sft", schedule="constant")) == "constant"
    assert scheduler(phase("sft", schedule="constant", warmup=0.1)) == "constant_with_warmup"
