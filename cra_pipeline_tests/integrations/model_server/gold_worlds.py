"""Adapters that were taught one task of the real agent by heart, as the commit has it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.adapters import TrainingJob
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.datasets import Message, SftExample
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.adapter_files import MANIFEST
from cra_pipeline.integrations.bases import import_base, model_folder
from cra_pipeline.integrations.files import write_record
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline.integrations.training.peft import PeftTrainer
from cra_pipeline.integrations.training.tiny_base import make_tiny_base
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.adapters.worlds import phase, recipe, said, sft_row
from cra_pipeline_tests.integrations.clean_room.gold_front import GoldFront
from cra_pipeline_tests.integrations.model_server.worlds import World

WINDOW = 8192
"""The agent's prompts have up to 700 tokens here; a plan may be answered with 2,048."""
_ROWS_WINDOW = 1024
_STEPS = {"scope-v1": 90, "task_analysis-v1": 70, "meta_plan-v1": 70, "execute_code-v1": 90}
"""After which the tiny base has every answer by heart."""
_BY_FORM = {
    "binary": "scope",
    "text": "task_analysis",
    "json": "meta_plan",
    "edits": "execute_code",
}

MODELS = {kind.name: f"{_BY_FORM[kind.form]}-v1" for kind in CALL_KINDS.values()}
"""One adapter for yes and no, three for texts: sentences, plans, edits."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One call of the gold run.

    Attributes:
        kind: Of the call.
        system: What the agent sends.
        prompt: What it sends.
        answer: The commit's.
    """

    kind: str
    system: str
    prompt: str
    answer: str


def lessons(front: GoldFront) -> tuple[Lesson, ...]:
    """What was asked and answered, each once."""
    found: dict[Lesson, None] = {}
    for body, (_, answer) in zip(front.bodies, front.answers, strict=True):
        system, prompt = (message["content"] for message in json.loads(body)["messages"])
        found[Lesson(front.kinds[system], system, prompt, answer)] = None
    return tuple(found)


def gold_world(layout: Layout, rows: Sequence[Lesson]) -> World:
    """A tiny base that has read the lessons' words, and adapters that know the answers."""
    source = layout.root / "source"
    make_tiny_base([text for row in rows for text in (row.system, row.prompt, row.answer)], source)
    record = import_base(layout, source, role="tiny", name="tiny", window=WINDOW)
    folder = model_folder(layout, record.base_id)
    adapters = {}
    for version in sorted(set(MODELS.values())):
        mine = [row for row in rows if MODELS[row.kind] == version]
        adapters[version] = _taught(record, folder, layout.root / "adapters" / version, mine)
    return World(
        layout=layout,
        base=ServedBase(name=record.base_id, folder=folder, window=WINDOW),
        adapters=adapters,
        questions=(),
    )


def _taught(base: BaseRecord, model: Path, folder: Path, rows: Iterable[Lesson]) -> Path:
    one = phase(
        "sft", most_steps=_STEPS[folder.name], epochs=100.0, batch=8, micro_batch=8,
        validation_share=0.0, eval_steps=10**6,
    )  # fmt: skip
    wanted = recipe(
        one, adapter_kind=folder.name.removesuffix("-v1"), base_id=base.base_id,
        base_digest=base.content_id, end_of_turn=base.end_of_turn, window=_ROWS_WINDOW,
    )  # fmt: skip
    taught = tuple(_row(number, row) for number, row in enumerate(rows))
    job = TrainingJob(recipe=wanted, base=model, sft=taught, folder=folder)
    manifest = PeftTrainer().train(job, lambda _event, _steps: None)
    write_record(folder / MANIFEST, manifest)
    return folder


def _row(number: int, lesson: Lesson) -> SftExample:
    asked = (
        Message(role="system", content=lesson.system),
        Message(role="user", content=lesson.prompt),
    )
    told = {"prompt": asked, "completion": said(lesson.answer)}
    kind = MODELS[lesson.kind].removesuffix("-v1")
    return sft_row(number).model_copy(update={"adapter_kind": kind, **told})
