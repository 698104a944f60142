"""Who stands in a round's arms, read from adapters, bases, the round's record and the ledger."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.gates import GateReport
from cra_pipeline.contracts.manifests import AssetManifest, Input
from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import CheckError, RegistryError, RoundError
from cra_pipeline.harness.arms import (
    BASE_HALF,
    TOGETHER,
    Cast,
    Speaker,
    base_arms,
    calls_of,
    kind_arms,
    round_arms,
)
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import peek_journal, read_record

ADAPTER, REPORT = "adapter", "gate_report"
UNTUNED, TUNED = "untuned_base", "tuned_base"
_PLANNER = "planning_dpo"
"""The kind whose calls are the plans that a base itself has to write."""


def round_record(layout: Layout, round_name: str) -> RoundRecord:
    """The record of an opened round.

    Raises:
        RoundError: It is not opened.
    """
    path = layout.rounds / f"{round_name}.json"
    if not path.exists():
        raise RoundError(f"{path}: missing: the round is not opened: cra-pipeline round open")
    return read_record(path, RoundRecord)


def cast_of(layout: Layout, partition: str) -> tuple[Cast, tuple[Input, ...]]:
    """Arms of a ``kind|round`` key, and what they were read from.

    In place of a kind, ``together`` stands for all kinds whose candidate passed its gate.

    Raises:
        CheckError: An adapter or a gate report is missing, unchecked, or failed its check; or an
            adapter's base is another one by now.
        RegistryError: The ledger does not know an incumbent.
        RoundError: The round is not opened.
    """
    name, _, round_name = partition.partition(MULTI)
    record = round_record(layout, round_name)
    kinds = _passed(layout, round_name) if name == TOGETHER else (name,)
    inputs = tuple(require_checked(layout, ADAPTER, f"{kind}{MULTI}{round_name}") for kind in kinds)
    candidates = {kind: speaker_of(layout, f"{kind}{MULTI}{round_name}") for kind in kinds}
    incumbents = {
        kind: found
        for kind in kinds
        if (found := _incumbent(layout, record, kind, candidates[kind])) is not None
    }
    if name == TOGETHER:
        return round_arms(round_name, candidates, incumbents), inputs
    return kind_arms(name, round_name, candidates[name], incumbents.get(name)), inputs


def cast_of_bases(
    layout: Layout, round_name: str, untuned: str, tuned: str
) -> tuple[Cast, tuple[Input, ...]]:
    """Arms in which two bases plan, and what they were read from: the untuned one first.

    Raises:
        RoundError: The round is not opened.
        StoreError: There is no such base.
        CheckError: Both are the same.
    """
    round_record(layout, round_name)
    records = [
        read_record(layout.bases / base_id / "base.json", BaseRecord)
        for base_id in (untuned, tuned)
    ]
    before, after = (
        Speaker(base_id=record.base_id, base_digest=record.content_id) for record in records
    )
    if before.base_digest == after.base_digest:
        raise CheckError(f"{tuned} holds the same files as {untuned}: nothing is to be compared")
    inputs = tuple(
        Input(name=f"{arm}/{speaker.base_id}", content_id=speaker.base_digest)
        for arm, speaker in ((UNTUNED, before), (TUNED, after))
    )
    return base_arms(round_name, before, after, calls_of(_PLANNER)), inputs


def cast_again(layout: Layout, manifest: AssetManifest) -> Cast:
    """Who stands in the arms of a partition by what is on record now.

    Raises:
        PipelineError: As ``cast_of`` and ``cast_of_bases``.
    """
    name, _, round_name = manifest.partition.partition(MULTI)
    if name != BASE_HALF:
        return cast_of(layout, manifest.partition)[0]
    named = dict(item.name.split("/", 1) for item in manifest.inputs)
    return cast_of_bases(layout, round_name, named.get(UNTUNED, ""), named.get(TUNED, ""))[0]


def _passed(layout: Layout, round_name: str) -> tuple[str, ...]:
    """Kinds of a round whose candidate passed its gate, sorted."""
    found = []
    for path in sorted((layout.root / REPORT).glob(f"*/{round_name}/gate.json")):
        report = read_record(path, GateReport)
        require_checked(layout, REPORT, f"{report.adapter_kind}{MULTI}{round_name}")
        if report.decision == "passed":
            found.append(report.adapter_kind)
    return tuple(found)


def speaker_of(layout: Layout, adapter: str) -> Speaker:
    """A candidate by its ``kind|round`` key, or what is in service by its version.

    Raises:
        CheckError: The base of its name is another one by now.
        StoreError: Adapter or base are missing.
    """
    manifest = read_record(adapter_folder(layout, adapter) / "adapter.json", AdapterManifest)
    recipe = manifest.recipe
    path = layout.bases / recipe.base_id / "base.json"
    base = read_record(path, BaseRecord)
    if base.content_id != recipe.base_digest:
        raise CheckError(
            f"{path}: holds base {base.content_id[:12]}, but {adapter} was trained from "
            f"{recipe.base_digest[:12]}: train it again"
        )
    return Speaker(
        base_id=recipe.base_id,
        base_digest=recipe.base_digest,
        adapter=adapter,
        adapter_digest=manifest.adapter_digest,
    )


def adapter_folder(layout: Layout, adapter: str) -> Path:
    """Where an adapter's files lie; a version has a copy that no training replaces."""
    return (
        layout.partition(ADAPTER, adapter) if MULTI in adapter else layout.adapter_version(adapter)
    )


def _incumbent(
    layout: Layout, record: RoundRecord, kind: str, candidate: Speaker
) -> Speaker | None:
    """The version in service when the round was opened; None where there was none, or it is void.

    Raises:
        RegistryError: The ledger does not know it, or its files are not those that it names.
    """
    version = dict(record.incumbents).get(kind, "")
    if not version:
        return None
    path = layout.registry / "ledger.jsonl"
    lines = peek_journal(path, LedgerLine)
    line = next(
        (item for item in lines if item.act == "registered" and item.version == version), None
    )
    if line is None:
        raise RegistryError(
            f"{path}: {version} was in service when {record.round} was opened, but the ledger does "
            "not know it: restore the ledger"
        )
    if line.base_digest != candidate.base_digest:
        return None
    found = speaker_of(layout, version)
    if found.adapter_digest != line.adapter_digest:
        raise RegistryError(
            f"{adapter_folder(layout, found.adapter)}: holds adapter {found.adapter_digest[:12]}, "
            f"but {version} is {line.adapter_digest[:12]}: bring the files of {version} back"
        )
    return found
