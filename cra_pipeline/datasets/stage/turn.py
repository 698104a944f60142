"""A round's datasets, with everything between them and the tables of its repositories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.reports import Progress, silent
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.line import rounds_up_to
from cra_pipeline.datasets.stage.curate import curate
from cra_pipeline.datasets.stage.dataset_files import FORMS, Cell, kinds_of
from cra_pipeline.datasets.stage.guide import planned_kinds
from cra_pipeline.datasets.stage.holdout import check_holdout, keep_out
from cra_pipeline.datasets.stage.increments import add_round, check_increment
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.datasets.stage.lines import opened_rounds, record_of
from cra_pipeline.datasets.stage.pools import check_pool, gather_pool
from cra_pipeline.errors import CheckError, DatasetError, StoreError
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Curated:
    """What became of one dataset.

    Attributes:
        cell: Which one.
        manifest: None where it was refused.
        error: Why it was refused, or what its check found; empty where it can be trained on.
        notes: What its check could not look at.
    """

    cell: Cell
    manifest: DatasetManifest | None
    error: str
    notes: tuple[str, ...] = ()


def cells_of(layout: Layout, round_name: str, kinds: tuple[str, ...]) -> tuple[Cell, ...]:
    """Datasets of the named kinds, or of those that the round's plan would train.

    Raises:
        StoreError: The plan is damaged.
    """
    wanted = kinds or planned_kinds(layout, round_name)
    return tuple(
        Cell(form, kind, round_name) for kind in wanted for form in FORMS if kind in kinds_of(form)
    )


def prepare_round(
    layout: Layout, round_name: str, *, progress: Progress = silent
) -> tuple[str, ...]:
    """Make what a round's datasets are made of, as far as it is not up to date.

    Returns:
        What a reader has to know of the round, such as that no commit comes after its cut-off.

    Raises:
        RoundError: The round is not opened.
        CheckError: A table of a repository is not ready, or a check failed.
        BusyError: Another run is at work on it.
    """
    rounds = opened_rounds(layout)
    for record in rounds_up_to(record_of(rounds, round_name), rounds):
        if not _is_current(layout, "round_increment", record.round):
            add_round(layout, record.round, progress=progress)
            _require(check_increment(layout, record.round))
    gather_pool(layout, round_name)
    _require(check_pool(layout, round_name))
    keep_out(layout, round_name)
    report = check_holdout(layout, round_name)
    _require(report)
    return report.notes


def curate_cells(
    layout: Layout, cells: tuple[Cell, ...], *, progress: Progress = silent
) -> Iterator[Curated]:
    """Make and check datasets, one after the other; one that is refused stops no other.

    Raises:
        CheckError: Pool or holdout are not ready.
        StoreError: A file is damaged, or the disk is full.
    """
    for cell in cells:
        try:
            curate(layout, cell, progress=progress)
        except DatasetError as error:
            yield Curated(cell=cell, manifest=None, error=str(error))
            continue
        report = check_dataset(layout, cell)
        manifest = read_record(cell.folder(layout) / "manifest.json", DatasetManifest)
        yield Curated(
            cell=cell, manifest=manifest, error="; ".join(report.findings), notes=report.notes
        )


def _require(report: CheckReport) -> None:
    if not report.passed:
        raise CheckError(
            f"{report.asset} of {report.partition} failed its check: "
            f"{'; '.join(report.findings[:3])}"
        )


def _is_current(layout: Layout, asset: str, partition: str) -> bool:
    """Whether it is done, checked, and made of what its upstream holds now."""
    try:
        require_checked(layout, asset, partition)
        manifest = read_record(layout.manifest(asset, partition), AssetManifest)
        now = [
            require_checked(layout, *item.name.split("/", 1)).content_id for item in manifest.inputs
        ]
    except (CheckError, StoreError):
        return False
    return now == [item.content_id for item in manifest.inputs]
