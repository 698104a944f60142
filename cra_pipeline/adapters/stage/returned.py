"""A tuned base that came back: looked at, gated, and registered in the place of the old one."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cra_pipeline.adapters.bundle import packing
from cra_pipeline.adapters.bundle.returned import (
    CONFIG,
    config_faults,
    file_faults,
    result_faults,
    tensor_faults,
)
from cra_pipeline.adapters.guards import BASE_HALF
from cra_pipeline.adapters.stage.bundle import ASSET, archive_path
from cra_pipeline.contracts.bases import ON_TRIAL, BaseRecord
from cra_pipeline.contracts.bundles import BundleManifest, BundleRecipe, BundleResult
from cra_pipeline.contracts.gates import GateReport
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError, RoundError, StoreError
from cra_pipeline.integrations.bases import (
    hashed,
    import_base,
    list_bases,
    model_folder,
    verify_base,
)
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    rows_content_id,
    write_record,
)
from cra_pipeline.integrations.forward_pass import require_forward, tensor_shapes

Gate = Callable[[str, str], GateReport]
"""Judges Gate 1's base half by the contents of the untuned and the tuned base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A tuned base whose files are in order.

    Attributes:
        old: The base that it replaces.
        folder: Its model.
        window: Most tokens of a conversation.
    """

    old: BaseRecord
    folder: Path
    window: int


def looked_at(layout: Layout, folder: Path, *, replaces: str, role: str) -> Returned:
    """Verify what came back: the bundle, hashes, configuration, tokenizer, tensors, a pass.

    Args:
        layout: The workspace.
        folder: Holds ``result.json`` and ``model/``.
        replaces: Id of the base that was sent out.
        role: As the caller believes it to be.

    Raises:
        GuardError: Something is not what was sent, or not what the result says.
        StoreError: A file is missing or damaged.
        CheckError: The bundle of that round is not the checked one any more.
    """
    old = verify_base(layout, replaces)
    if role != old.role:
        raise GuardError(f"role {role}: {replaces} is of role {old.role}: a base keeps its role")
    result = read_record(folder / "result.json", BundleResult)
    sent, recipe, digest = _sent(layout, result.round)
    model = folder / "model"
    files = hashed(model)
    _refuse(folder, result_faults(result, sent, digest, old, files))
    _refuse(folder, file_faults(old.files, files))
    before = model_folder(layout, replaces)
    config = _json(before / CONFIG)
    _refuse(folder, config_faults(config, _json(model / CONFIG), recipe.window))
    tied = bool(config.get("tie_word_embeddings"))
    shapes = tensor_shapes(before, finite=False), tensor_shapes(model, finite=True)
    _refuse(folder, tensor_faults(*shapes, tied=tied))
    require_forward(model)
    _require_new(layout, rows_content_id(files), old)
    return Returned(old=old, folder=model, window=recipe.window)


def _require_new(layout: Layout, digest: str, old: BaseRecord) -> None:
    """Refuse files that are a base already: they would not take the old one's place."""
    for known in list_bases(layout):
        same = (known.content_id, known.role, known.name) == (digest, old.role, old.name)
        if same and known.replaces != old.base_id:
            raise GuardError(
                f"these are the files of {known.base_id}, which does not replace {old.base_id}: "
                "ask for the tuned model"
            )


def _sent(layout: Layout, round_name: str) -> tuple[BundleManifest, BundleRecipe, str]:
    now = require_checked(layout, ASSET, round_name)
    path = archive_path(layout, round_name)
    try:
        content = path.read_bytes()
        files = packing.unpacked(content)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: {error}: bring the archive back that was sent out") from error
    if hashlib.sha256(content).hexdigest() != now.content_id:
        raise GuardError(f"{path}: not the archive that was checked: bring that one back")
    inside = files[packing.MANIFEST]
    return (
        BundleManifest.parse_json(inside, where=f"{path}:{packing.MANIFEST}"),
        BundleRecipe.parse_json(files[packing.RECIPE], where=f"{path}:{packing.RECIPE}"),
        hashlib.sha256(inside).hexdigest(),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: no configuration ({error}): send the folder again") from error


def _refuse(folder: Path, faults: Iterable[str]) -> None:
    found = list(faults)
    if found:
        raise GuardError(
            f"{folder}: {'; '.join(found[:5])}: it is not what the bundle's script wrote for this "
            "base; ask for the folder as it was written"
        )


def on_trial(layout: Layout, found: Returned) -> BaseRecord:
    """Import a returned base without putting it in the old one's place, so that it can be asked.

    It has a name of its own, which no adapter kind names; ``take_over`` gives it the real one.
    """
    return import_base(
        layout, found.folder, role=found.old.role, name=found.old.name + ON_TRIAL,
        window=found.window,
    )  # fmt: skip


def take_over(
    layout: Layout, found: Returned, round_name: str, gate: Gate
) -> tuple[BaseRecord, str]:
    """Register a returned base in the place of the one that was sent out.

    A second call with the same files gives the same record.

    Args:
        layout: The workspace.
        found: What was looked at.
        round_name: Whose holdout judged it, or whose record waives that.
        gate: Judges it.

    Returns:
        The new base's record, and what Gate 1's base half said, in words.

    Raises:
        GuardError: The gate did not pass, and the round's record waives nothing.
        RoundError: The round is not opened.
        CheckError: There are no attempts to judge it by.
    """
    with partition_lock(layout, "bases", found.old.base_id):
        report, said = _gated(layout, found, round_name, gate)
        _end_trial(layout, found)
        record = import_base(
            layout, found.folder, role=found.old.role, name=found.old.name, window=found.window,
            gate_1="" if report is None else report.digest(), replaces=found.old.base_id,
        )  # fmt: skip
        # The record names the report: a kill in between is mended by the next call.
        if report is not None and record.gate_1 == report.digest():
            write_record(layout.bases / record.base_id / "gate_1.json", report)
    return record, said


def _gated(
    layout: Layout, found: Returned, round_name: str, gate: Gate
) -> tuple[GateReport | None, str]:
    path = layout.rounds / f"{round_name}.json"
    if not path.exists():
        raise RoundError(f"{path}: round {round_name} is not opened: open it first")
    waiver = dict(read_record(path, RoundRecord).waivers).get(BASE_HALF)
    if waiver:
        return None, f"{BASE_HALF} waived in {round_name}: {waiver}"
    report = gate(found.old.content_id, rows_content_id(hashed(found.folder)))
    if report.decision != "passed":
        first = next((item for item in report.requirements if item.holds is not True), None)
        why = f"{first.name}: found {first.found}, expected {first.expected}" if first else ""
        raise GuardError(
            f"Gate 1's base half: {report.decision.replace('_', ' ')}: {why}: {found.old.base_id} "
            f"stays; tune it again, or open a round with waiver {BASE_HALF}"
        )
    return report, f"Gate 1's base half passed on {report.tasks} tasks of {round_name}"


def _end_trial(layout: Layout, found: Returned) -> None:
    """Free the number that the trial took, so that its attempts name the base that stays."""
    digest = rows_content_id(hashed(found.folder))
    for record in list_bases(layout):
        if record.content_id == digest and record.on_trial:
            # Its record first: without it a half-removed folder is no base.
            (layout.bases / record.base_id / "base.json").unlink()
            shutil.rmtree(layout.bases / record.base_id)
