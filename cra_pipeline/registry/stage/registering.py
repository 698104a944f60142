"""A gated adapter gets its version: for good, whatever its gate decided."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import cra_pipeline
from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.gates import GateReport
from cra_pipeline.contracts.registry import VersionState
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RegistryError
from cra_pipeline.integrations.git.inspection import commit_at
from cra_pipeline.registry.stage.book import Book, closing_path
from cra_pipeline.registry.stage.evidence import cell_of, gate_report, report_path
from cra_pipeline.registry.stage.keeping import Vet, keep, sound_adapter
from cra_pipeline.registry.stage.settling import settled

_DIGITS = 12
"""Of a commit's name."""


def register(
    layout: Layout, adapter_kind: str, round_name: str, *, vet: Vet = sound_adapter
) -> VersionState:
    """Enter the adapter of a kind and round under its next version; once for each gate report.

    Args:
        layout: The workspace.
        adapter_kind: Its kind.
        round_name: Its round.
        vet: Judges its files.

    Raises:
        CheckError: The report is missing, unchecked or edited.
        RegistryError: Adapter, manifest and report are not of the same thing, the round is closed,
            or the ledger is damaged.
        GuardError: The adapter's files are not sound.
        StoreError: The adapter is missing, or the disk is full.
    """
    with settled(layout) as book:
        return entered(book, adapter_kind, round_name, vet)


def entered(book: Book, adapter_kind: str, round_name: str, vet: Vet) -> VersionState:
    """As ``register``, for who holds the ledger already."""
    report = gate_report(book.layout, adapter_kind, round_name)
    digest = report.digest()
    for row in book.standing.of_kind(adapter_kind):
        if row.gate_report == digest:
            return row
    _require_open(book.layout, adapter_kind, round_name)
    folder = book.layout.partition("adapter", cell_of(adapter_kind, round_name))
    manifest = vet(folder)
    _require_same(manifest, report)
    if book.standing.is_void(report.base_digest):
        raise RegistryError(
            f"{adapter_kind} {round_name}: its base {report.base_digest[:12]} is obsolete: train "
            "it again on the base that replaced it"
        )
    version = book.standing.next_version(adapter_kind)
    keep(book.layout, version, folder, report_path(book.layout, adapter_kind, round_name))
    book.append(
        "registered",
        adapter_kind=adapter_kind,
        version=version,
        round=round_name,
        base_digest=manifest.recipe.base_digest,
        adapter_digest=manifest.adapter_digest,
        recipe=manifest.recipe.digest(),
        datasets=tuple(item.content_id for item in manifest.recipe.datasets),
        gate_report=digest,
        code=code(),
    )
    return book.version(version)


def _require_open(layout: Layout, adapter_kind: str, round_name: str) -> None:
    """What a round came to is written once, when it is closed."""
    path = closing_path(layout, round_name)
    if path.exists():
        raise RegistryError(
            f"{adapter_kind} {round_name}: {path} says what the round came to, and this report was "
            "made since: nothing is entered into a closed round; train and gate in an open one"
        )


def code() -> str:
    """What decided: this project and its version, and its commit where it runs from a checkout."""
    said = f"cra-pipeline {importlib.metadata.version('cra-pipeline')}"
    commit = commit_at(Path(cra_pipeline.__file__).parents[1])
    return f"{said} at {commit[:_DIGITS]}" if commit else said


def _require_same(manifest: AdapterManifest, report: GateReport) -> None:
    where = f"{report.adapter_kind} {report.round}"
    for what, said, expected in (
        ("kind", manifest.adapter_kind, report.adapter_kind),
        ("round", manifest.round, report.round),
        ("base", manifest.recipe.base_digest, report.base_digest),
        ("digest", manifest.adapter_digest, report.adapter_digest),
    ):
        if said != expected:
            raise RegistryError(
                f"{where}: the adapter's {what} is {said[:12]}, its gate report judged "
                f"{expected[:12]}: run holdout_attempts and gate_report of {where} again"
            )
