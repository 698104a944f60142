"""A version's rows in the agent's two databases, made from its kept files alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.gates import GateReport
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RegistryError
from cra_pipeline.integrations.curated_db.adapters import ServedVersion, serving, switch
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.raw_db.adapter_registry import AdapterEntry, deploy, deployed
from cra_pipeline.integrations.raw_db.training_datasets import RegisteredDataset
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline.registry.stage.book import Book
from cra_pipeline.registry.stage.keeping import kept_manifest, kept_report
from cra_pipeline.registry.versions import is_version, parts_of, role_of, stages_of

_DIGITS = 12
"""Of a dataset's content id that stand behind its path in the agent's database."""


def put_in_service(book: Book, adapter_kind: str, version: str, at: int) -> None:
    """Have both databases say that a version, or none, serves a kind: raw first, then the switch.

    Args:
        book: Held.
        adapter_kind: Its kind.
        version: Empty where the base alone is to serve.
        at: When it was put in service.

    Raises:
        StoreError: A database is damaged, locked or of another schema; that one is as before.
    """
    layout, stages = book.layout, stages_of(adapter_kind)
    if not version and not (layout.raw_db.exists() or layout.curated_db.exists()):
        return
    entry = _entry(book, version) if version else None
    deploy(layout.raw_db, stages, entry)
    switch(layout.curated_db, stages, _served(book, version, at) if version else None)


def is_serving(book: Book, adapter_kind: str, version: str) -> bool:
    """Whether the switch stands at a version, or at none, for every stage of a kind."""
    wanted = (version,) if version else ()
    found = serving(book.layout.curated_db, stages_of(adapter_kind))
    return all(tags == wanted for tags in found.values())


def is_deployed(book: Book, adapter_kind: str, version: str) -> bool:
    """Whether the raw database marks just a version, or none, for every stage of a kind."""
    wanted = (version,) if version else ()
    found = deployed(book.layout.raw_db, stages_of(adapter_kind))
    return all(tags == wanted for tags in found.values())


def versions_served(layout: Layout) -> set[str]:
    """Names of versions at which the switch stands, those that the ledger does not know included.

    Raises:
        StoreError: The database is damaged or held too long.
    """
    stages = {stage: kind for kind in ADAPTER_KINDS for stage in stages_of(kind)}
    found = serving(layout.curated_db, tuple(stages))
    # Tags of another form are no business of this registry.
    return {tag for stage, tags in found.items() for tag in tags if is_version(tag, stages[stage])}


def _entry(book: Book, version: str) -> AdapterEntry:
    kind, number = parts_of(version)
    manifest = kept_manifest(book.layout, version)
    return AdapterEntry(
        version=version,
        number=number,
        base_model=role_of(kind),
        dataset=_dataset(book.layout, manifest, version),
        training_loss=manifest.training_loss,
        eval_metrics=_measured(kept_report(book.layout, version)),
        trained_at=_moment(book.standing.lines[version].at),
    )


def _served(book: Book, version: str, at: int) -> ServedVersion:
    kind, number = parts_of(version)
    return ServedVersion(
        version=version,
        number=number,
        base_model=role_of(kind),
        notes=_measured(kept_report(book.layout, version)),
        deployed_at=_moment(at),
    )


def _dataset(layout: Layout, manifest: AdapterManifest, version: str) -> RegisteredDataset:
    """The dataset as curation entered it, or as much of it as the adapter's manifest tells."""
    # By name, so that an adapter of both forms hangs on its supervised set.
    if not manifest.recipe.datasets:
        raise RegistryError(
            f"{version}: its recipe names no dataset, and the agent's schema demands one: train "
            "it again from a curated dataset"
        )
    chosen = manifest.recipe.datasets[-1]
    asset, _, cell = chosen.name.partition("/")
    form = asset.partition("_")[0]
    told = _told(layout, chosen)
    rows = told.rows if told else sum(count for _, count in manifest.rows)
    against = rows if form == "dpo" else _negatives(told)
    return RegisteredDataset(
        plan=f"registry:{manifest.round}",
        criteria=json.dumps({"form": form, "content_id": chosen.content_id}),
        stage=manifest.adapter_kind,
        base_model=role_of(manifest.adapter_kind),
        source="harness",
        path=f"{asset}/{cell.replace('|', '/')}/{form}.jsonl@{chosen.content_id[:_DIGITS]}",
        examples=rows,
        positive=rows if form == "dpo" else rows - against,
        negative=against,
    )


def _told(layout: Layout, dataset: Input) -> DatasetManifest | None:
    """Its manifest, where it still is the one that was trained on."""
    asset, _, cell = dataset.name.partition("/")
    path = layout.partition(asset, cell) / "manifest.json"
    found = read_record(path, DatasetManifest) if path.exists() else None
    return found if found and found.content_id == dataset.content_id else None


def _negatives(told: DatasetManifest | None) -> int:
    labels = told.by_label if told else ()
    return sum(item.count for item in labels if item.label == "no")


def _measured(report: GateReport) -> str:
    figures = {
        item.metric: round(item.estimate.value, 6)
        for item in report.figures
        if item.arm == "candidate" and item.estimate is not None
    }
    told = {"decision": report.decision, "round": report.round, "report": report.digest()}
    return json.dumps({**told, "metrics": figures}, sort_keys=True)


def _moment(at: int) -> str:
    # As the agent writes its own: aware, in UTC, with microseconds.
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
