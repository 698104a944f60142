"""A whole run: its phases one after the other, and the folder that they leave behind.

What a killed run has finished is kept in ``work/``, which a run of another recipe or other rows
clears; a finished run removes it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from cra_pipeline.contracts.adapters import (
    AdapterManifest,
    AdapterRecipe,
    MemoryAnswer,
    TrainerName,
    TrainingEvent,
    TrainingJob,
    TrainingPace,
)
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.record import Record
from cra_pipeline.integrations.adapter_files import CONFIG, WEIGHTS, adapter_digest, vet
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.files import (
    append_journal,
    read_journal,
    rows_content_id,
    write_bytes,
    write_record,
)
from cra_pipeline.integrations.training.checkpoints import full_disk_told
from cra_pipeline.integrations.training.phase import Bench, PhaseEnd, PhaseRun
from cra_pipeline.integrations.training.rows import prepared
from cra_pipeline.integrations.training.watch import Told, last_tenth, least_evaluation

_BRIEF = 0.001
"""Seconds; a run that was broken off at its very end has none."""
LIBRARIES = ("peft", "torch", "transformers", "trl")
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class Start(Record):
    """Line of ``work/starts.jsonl``: the run was begun, or taken up again."""

    job: str
    """Digest of everything that decides the weights."""


def run(bench: Bench, trainer: TrainerName, job: TrainingJob, told: Told) -> AdapterManifest:
    """Train as ``ports.Trainer.train`` says.

    Raises:
        TrainingError: As there.
        StoreError: As there.
    """
    os.environ.update(_OFFLINE)
    work = job.folder / "work"
    resumed = _begin(work, trainer, job)
    runs = _phases(bench, job, work, told)
    ends = [one.finished() for one in runs]
    _publish(runs, job)
    write_record(job.folder / "pace.json", _pace(ends, resumed))
    manifest = _manifest(trainer, job, runs, ends)
    shutil.rmtree(work)
    return manifest


def _begin(work: Path, trainer: TrainerName, job: TrainingJob) -> int:
    """How often this run was begun before; what another one left is removed."""
    rows = rows_content_id((*job.sft, *job.dpo))
    key = hashlib.sha256(json.dumps([trainer, job.recipe.digest(), rows]).encode()).hexdigest()
    before = read_journal(work / "starts.jsonl", Start)
    if any(start.job != key for start in before):
        shutil.rmtree(work)
        before = ()
    append_journal(work / "starts.jsonl", Start(job=key))
    return len(before)


def _phases(bench: Bench, job: TrainingJob, work: Path, told: Told) -> list[PhaseRun]:
    recipe = job.recipe
    chat = HuggingFaceChat(job.base, end_of_turn=recipe.end_of_turn)
    found: list[PhaseRun] = []
    for number, phase in enumerate(recipe.phases, 1):
        rows = prepared(job.sft if phase.form == "sft" else job.dpo, chat, recipe)
        found.append(
            PhaseRun(
                bench=bench,
                recipe=recipe,
                phase=phase,
                base=job.base,
                start=found[-1].adapter if found else None,
                rows=rows,
                end=chat.end_ids[0],
                folder=work / f"{number}-{phase.form}",
                memory=work / "memory.jsonl",
                told=told,
            )
        )
    return found


def _publish(runs: list[PhaseRun], job: TrainingJob) -> None:
    """Put weights, configuration and curve into the run's folder."""
    made = runs[-1].adapter
    with full_disk_told(job.folder):
        write_bytes(job.folder / WEIGHTS, (made / WEIGHTS).read_bytes())
    write_bytes(job.folder / CONFIG, plain_config((made / CONFIG).read_bytes(), job.recipe))
    curve = [event for one in runs for event in read_journal(one.curve, TrainingEvent)]
    text = "".join(f"{event.canonical_json()}\n" for event in curve)
    write_bytes(job.folder / "curve.jsonl", text.encode())
    vet(job.folder, job.recipe)


def plain_config(text: bytes, recipe: AdapterRecipe) -> bytes:
    """PEFT's configuration without this machine's paths, in an order of its own.

    The base is named by its id, and its revision is its content id.
    """
    found = json.loads(text)
    found["base_model_name_or_path"] = recipe.base_id
    found["revision"] = recipe.base_digest
    found["target_modules"] = sorted(found["target_modules"])
    found["inference_mode"] = True
    return (json.dumps(found, indent=1, sort_keys=True) + "\n").encode()


def _manifest(
    trainer: TrainerName, job: TrainingJob, runs: list[PhaseRun], ends: list[PhaseEnd]
) -> AdapterManifest:
    last = read_journal(runs[-1].curve, TrainingEvent)
    digest, weights = adapter_digest(job.folder)
    return AdapterManifest(
        adapter_kind=job.recipe.adapter_kind,
        round=job.recipe.round,
        recipe=job.recipe,
        trainer=trainer,
        adapter_digest=digest,
        weights_sha256=weights,
        rows=tuple(
            (f"{one.phase.form} {split}", count)
            for one, end in zip(runs, ends, strict=True)
            for split, count in (("train", end.train_rows), ("validation", end.validation_rows))
        ),
        training_loss=last_tenth(last),
        validation_loss=least_evaluation(last),
        steps=sum(end.steps for end in ends),
        stopped_early=any(end.stopped_early for end in ends),
        memory_answers=read_journal(runs[-1].memory, MemoryAnswer),
        libraries=tuple(Input(name=name, content_id=version(name)) for name in LIBRARIES),
    )


def _pace(ends: list[PhaseEnd], resumed: int) -> TrainingPace:
    import torch

    seconds = math.fsum(end.seconds for end in ends)
    cuda = torch.cuda.is_available()
    peak = (
        torch.cuda.max_memory_allocated()
        if cuda
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    return TrainingPace(
        device=torch.cuda.get_device_name(0) if cuda else "processor",
        seconds=round(seconds, 3),
        tokens_per_second=round(sum(end.tokens for end in ends) / max(seconds, _BRIEF), 1),
        peak_memory_bytes=int(peak),
        resumed=resumed,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work with one thread: sums of several depend on how many there are.

    Two beside other load are many times slower, too.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
