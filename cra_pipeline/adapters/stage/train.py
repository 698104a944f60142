"""``adapter``: from checked datasets and a frozen base to vetted weights."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cra_pipeline.adapters.curves import preview, series, told
from cra_pipeline.adapters.stage.ready import Choices, Prepared, kind_and_round, prepare
from cra_pipeline.contracts.adapters import (
    AdapterManifest,
    AdapterRecipe,
    TrainingEvent,
    TrainingJob,
)
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Count, Input
from cra_pipeline.contracts.ports import Trainer
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError, PipelineError
from cra_pipeline.integrations.adapter_files import (
    CONFIG,
    MANIFEST,
    WEIGHTS,
    adapter_digest,
    read_adapter,
)
from cra_pipeline.integrations.bases import (
    list_bases,
    model_folder,
    standing,
    verify_base,
)
from cra_pipeline.integrations.evidence import require_checked, write_check
from cra_pipeline.integrations.files import (
    partition_lock,
    read_journal,
    read_record,
    write_record,
)
from cra_pipeline.integrations.plots import line_plot
from cra_pipeline.integrations.training.checkpoints import full_disk_told

ASSET = "adapter"
_PUBLISHED = (WEIGHTS, CONFIG, "curve.jsonl", "pace.json")


def train_adapter(
    layout: Layout,
    partition: str,
    trainer: Trainer,
    choices: Choices,
    *,
    progress: Progress = silent,
) -> StageReport:
    """Train the adapter of a kind and round, or take up what a killed run left.

    An adapter of the same recipe and trainer that is whole stays as it is; an older one of another
    recipe stays until the new one is done.

    Raises:
        CheckError: A dataset is missing, failed its check, or changed since.
        GuardError: A guard refuses.
        TrainingError: As ``ports.Trainer`` says.
        StoreError: A file is missing or damaged, or the disk is full.
        BusyError: Another run is at work on this adapter.
    """
    kind, record = kind_and_round(layout, partition)
    with partition_lock(layout, ASSET, partition):
        ready = prepare(layout, kind, record, choices)
        manifest = _standing_adapter(layout, partition, ready, trainer)
        if manifest is None:
            manifest = _train(layout, partition, trainer, ready, progress)
        return _report(layout, partition, manifest, ready.notes)


def _standing_adapter(
    layout: Layout, partition: str, ready: Prepared, trainer: Trainer
) -> AdapterManifest | None:
    """The adapter that lies there, where it is whole and what would be trained."""
    folder = layout.partition(ASSET, partition)
    try:
        found = read_adapter(folder, base_digest=ready.base.content_id)
    except GuardError:
        return None  # Missing, half-written or of another base: it is trained anew.
    same = (found.recipe, found.trainer) == (ready.resolved.recipe, trainer.name)
    return found if same else None


def _train(
    layout: Layout, partition: str, trainer: Trainer, ready: Prepared, progress: Progress
) -> AdapterManifest:
    folder = layout.partition(ASSET, partition)
    run = folder / "run"
    run.mkdir(parents=True, exist_ok=True)
    job = TrainingJob(
        recipe=ready.resolved.recipe,
        base=model_folder(layout, ready.base.base_id),
        sft=ready.sft,
        dpo=ready.dpo,
        folder=run,
    )
    manifest = trainer.train(job, _teller(progress, ready.resolved.recipe))
    # From here on until its own manifest is written there is no adapter.
    for name in (MANIFEST, layout.manifest(ASSET, partition).name):
        (folder / name).unlink(missing_ok=True)
    with full_disk_told(folder):
        for name in _PUBLISHED:
            (run / name).replace(folder / name)
    write_record(folder / MANIFEST, manifest)
    shutil.rmtree(run, ignore_errors=True)
    return manifest


def _teller(progress: Progress, recipe: AdapterRecipe) -> Callable[[TrainingEvent, int], None]:
    began: dict[str, tuple[float, int]] = {}

    def tell(event: TrainingEvent, steps: int) -> None:
        start, before = began.setdefault(event.phase, (time.monotonic(), event.tokens))
        words = told(event, steps, seconds=time.monotonic() - start, tokens=event.tokens - before)
        progress(event.step, steps, f"{recipe.adapter_kind} {recipe.round}: {words}")

    return tell


def _report(
    layout: Layout, partition: str, manifest: AdapterManifest, notes: Sequence[str]
) -> StageReport:
    folder = layout.partition(ASSET, partition)
    sealed = AssetManifest(
        asset=ASSET,
        partition=partition,
        rows=sum(count for _, count in manifest.rows),
        content_id=manifest.adapter_digest,
        inputs=_inputs(manifest.recipe),
        counts=tuple(Count(label=split, count=count) for split, count in manifest.rows),
        policy=manifest.recipe.canonical_json(),
    )
    write_record(layout.manifest(ASSET, partition), sealed)
    curve = series(read_journal(folder / "curve.jsonl", TrainingEvent))
    title = f"{manifest.adapter_kind} {manifest.round}: loss"
    plot = line_plot(title, curve, axes=("step", "loss"), cache=layout.scratch / "matplotlib")
    return StageReport(manifest=sealed, preview=preview(manifest, notes), plot=plot)


def _inputs(recipe: AdapterRecipe) -> tuple[Input, ...]:
    base = Input(name=f"bases/{recipe.base_id}", content_id=recipe.base_digest)
    return tuple(sorted((base, *recipe.datasets), key=lambda item: item.name))


def check_adapter(layout: Layout, partition: str) -> CheckReport:
    """Judge the adapter on disk by its files, its base and its datasets, and store the result.

    Raises:
        StoreError: There is no adapter.
    """
    sealed = read_record(layout.manifest(ASSET, partition), AssetManifest)
    return write_check(layout, sealed, _findings(layout, partition, sealed))


def _findings(layout: Layout, partition: str, sealed: AssetManifest) -> tuple[str, ...]:
    folder: Path = layout.partition(ASSET, partition)
    found: list[str] = []
    try:
        recipe = AdapterRecipe.parse_json(sealed.policy, where=f"{folder}: policy")
        base = verify_base(layout, recipe.base_id)
        if base.base_id not in {record.base_id for record in standing(list_bases(layout))}:
            found.append(f"its base {base.base_id} was made obsolete: train it on the newer one")
        manifest = read_adapter(folder, base_digest=base.content_id)
        if manifest.recipe != recipe:
            found.append(f"{MANIFEST} tells of another recipe than asset.json")
        if adapter_digest(folder)[0] != sealed.content_id:
            found.append("its files are others than asset.json names")
        found += _dataset_faults(layout, recipe)
    except (PipelineError, ValueError) as error:
        found.append(str(error))
    return tuple(found)


def _dataset_faults(layout: Layout, recipe: AdapterRecipe) -> list[str]:
    found = []
    for item in recipe.datasets:
        asset, _, partition = item.name.partition("/")
        if require_checked(layout, asset, partition) != item:
            found.append(f"{item.name} is another one since it was trained: train it again")
    return found
