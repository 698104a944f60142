"""Curves as series and in words."""

from __future__ import annotations

from cra_pipeline.adapters.curves import preview, series, told
from cra_pipeline.contracts.adapters import AdapterManifest, MemoryAnswer, TrainingEvent
from cra_pipeline_tests.adapters.worlds import sample


def event(phase: str, step: int, loss: float, *, eval_loss: float | None = None) -> TrainingEvent:
    return TrainingEvent.model_validate({
        "phase": phase, "step": step, "loss": loss, "learning_rate": 0.1, "eval_loss": eval_loss,
    })  # fmt: skip


def test_phases_are_drawn_one_behind_the_other() -> None:
    events = [
        event("sft", 1, 3.0), event("sft", 2, 2.0), event("sft", 2, 2.0, eval_loss=2.5),
        event("dpo", 1, 0.7), event("dpo", 2, 0.5),
    ]  # fmt: skip

    assert series(events) == (
        ("sft training", ((1.0, 3.0), (2.0, 2.0))),
        ("sft validation", ((2.0, 2.5),)),
        ("dpo training", ((3.0, 0.7), (4.0, 0.5))),
    )


def test_a_step_is_told_with_loss_speed_and_time_left() -> None:
    words = told(event("sft", 5, 1.25), 20, seconds=10.0, tokens=4000)

    assert words == "sft step 5 of 20, loss 1.250, 400 tokens/s, 30 s left"


def test_the_first_step_knows_no_speed() -> None:
    words = told(event("sft", 1, 1.0, eval_loss=2.0), 20, seconds=0.0, tokens=0)

    assert words == "sft step 1 of 20, loss 1.000, validation 2.000"


def test_answers_to_a_full_memory_are_shown() -> None:
    answer = MemoryAnswer(phase="sft", from_micro_batch=8, to_micro_batch=4)
    manifest = sample(AdapterManifest).model_copy(update={"memory_answers": (answer,)})

    lines = preview(manifest, ["quantisation: none"])
    assert {"what": "note", "value": "quantisation: none"} in lines
    assert any(line["what"] == "memory" and "8 did not fit, 4" in line["value"] for line in lines)
