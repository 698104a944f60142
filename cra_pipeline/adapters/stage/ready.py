"""What a training reads, and the guards that it passes before it costs anything."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from cra_pipeline.adapters.control import shuffled_labels
from cra_pipeline.adapters.guards import (
    GuardPolicy,
    chosen_base,
    require_both_answers,
    require_gate_1,
    require_others_words,
    require_parallelism,
    require_recipe_base,
    require_replay,
    require_shortfall,
)
from cra_pipeline.adapters.recipe import Device, RecipePolicy, Resolved, policy_of, resolve
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.datasets import DatasetManifest, DpoExample, SftExample
from cra_pipeline.contracts.gates import GateReport, RoundGateReport
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.rounds import RoundRecord, round_number
from cra_pipeline.contracts.takedowns import Takedown
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import GuardError, RoundError
from cra_pipeline.integrations.bases import list_bases, standing, verify_base
from cra_pipeline.integrations.cold_start.line_files import read_lines
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import read_record
from cra_pipeline.kinds import ADAPTER_KINDS, AdapterKind

_ZERO = "ACCELERATE_DEEPSPEED_ZERO_STAGE"
"""Set by accelerate's launcher."""
R = TypeVar("R", SftExample, DpoExample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a run may choose.

    Attributes:
        base: Id of a base; empty for the newest that the kind names.
        policy: Other numbers than those for the base.
        most_steps: Of each phase; 0 for what the policy says.
        seed: Of first weights and the order of rows; None for the policy's.
        guards: The guards' numbers.
        device: Where it is trained.
        control: ``shuffled_labels`` for a negative control, which no gate should let pass.
    """

    base: str = ""
    policy: RecipePolicy | None = None
    most_steps: int = 0
    seed: int | None = None
    guards: GuardPolicy = field(default_factory=GuardPolicy)
    device: Device = "processor"
    control: Literal["", "shuffled_labels"] = ""

    def numbers(self, base: BaseRecord) -> RecipePolicy:
        """The policy for a base, with this run's changes."""
        found = self.policy or policy_of(base)
        if self.most_steps:
            found = replace(
                found,
                sft=replace(found.sft, most_steps=self.most_steps),
                dpo=replace(found.dpo, most_steps=self.most_steps),
            )
        return found if self.seed is None else replace(found, seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that a run reads."""

    base: BaseRecord
    resolved: Resolved
    sft: tuple[SftExample, ...]
    dpo: tuple[DpoExample, ...]
    notes: tuple[str, ...]


def kind_and_round(layout: Layout, partition: str) -> tuple[AdapterKind, RoundRecord]:
    """Parts of a partition key.

    Raises:
        GuardError: No such kind.
        RoundError: The round is not opened.
    """
    name, _, round_name = partition.partition(MULTI)
    if name not in ADAPTER_KINDS:
        raise GuardError(f"{name!r} is no adapter kind: expected one of {', '.join(ADAPTER_KINDS)}")
    path = layout.rounds / f"{round_name}.json"
    if not path.exists():
        raise RoundError(f"{path}: round {round_name} is not opened: open it first")
    return ADAPTER_KINDS[name], read_record(path, RoundRecord)


def prepare(layout: Layout, kind: AdapterKind, record: RoundRecord, choices: Choices) -> Prepared:
    """Read everything, and ask the guards, before anything is trained.

    Raises:
        CheckError: A dataset is missing, failed its check, or changed since.
        GuardError: A guard refuses.
        StoreError: A file is missing or damaged.
    """
    inputs, sft, dpo = _datasets(layout, kind, record, choices.guards)
    try:
        known = standing(list_bases(layout))
        base = chosen_base(kind, known, choices.base)
        notes = _allowed(layout, kind, base, record, choices.guards)
        resolved = resolve(
            kind, record.round, base, inputs, device=choices.device, policy=choices.numbers(base)
        )
        require_recipe_base(resolved.recipe, base)
        require_both_answers(sft)
        for rows in (sft, dpo):
            require_others_words(rows, choices.guards)
    except ValueError as error:
        raise GuardError(str(error)) from error
    verify_base(layout, base.base_id)
    notes = (*resolved.notes, *notes)
    if choices.control:
        recipe = resolved.recipe.model_copy(update={"control": choices.control})
        resolved = replace(resolved, recipe=recipe)
        sft = shuffled_labels(sft, recipe.seed)
        notes = (*notes, "negative control: trained on exchanged answers, to see the gate refuse")
    return Prepared(base=base, resolved=resolved, sft=sft, dpo=dpo, notes=notes)


def _datasets(
    layout: Layout, kind: AdapterKind, record: RoundRecord, guards: GuardPolicy
) -> tuple[list[Input], tuple[SftExample, ...], tuple[DpoExample, ...]]:
    partition = f"{kind.name}{MULTI}{record.round}"
    inputs: list[Input] = []
    first = _first_round(layout)
    for form in ("sft", "dpo"):
        if form in kind.technique:
            inputs.append(require_checked(layout, f"{form}_dataset", partition))
            folder = layout.partition(f"{form}_dataset", partition)
            manifest = read_record(folder / "manifest.json", DatasetManifest)
            _require_takedowns(layout, manifest)
            try:
                require_replay(manifest, first, guards)
            except ValueError as error:
                raise GuardError(str(error)) from error
    return (
        inputs,
        _rows(layout, kind, partition, "sft", SftExample),
        _rows(layout, kind, partition, "dpo", DpoExample),
    )


def _require_takedowns(layout: Layout, manifest: DatasetManifest) -> None:
    """A check that passed before a takedown says nothing of it."""
    paths = sorted((layout.root / "takedowns").glob("*.json"))
    standing_now = {read_record(path, Takedown).digest() for path in paths}
    if later := standing_now - {item.content_id for item in manifest.inputs}:
        raise GuardError(
            f"{manifest.form}_dataset of {manifest.adapter_kind} in {manifest.round}: "
            f"{len(later)} takedowns are unknown to it, so that it may hold rows taken down: "
            "curate it again"
        )


def _rows(
    layout: Layout, kind: AdapterKind, partition: str, form: str, record: type[R]
) -> tuple[R, ...]:
    if form not in kind.technique:
        return ()
    return tuple(
        read_lines(layout.partition(f"{form}_dataset", partition) / f"{form}.jsonl", record)
    )


def _first_round(layout: Layout) -> str:
    return min((path.stem for path in layout.rounds.glob("r*.json")), key=round_number)


def _allowed(
    layout: Layout,
    kind: AdapterKind,
    base: BaseRecord,
    record: RoundRecord,
    guards: GuardPolicy,
) -> tuple[str, ...]:
    require_parallelism(int(os.environ.get(_ZERO, "0")), base.architecture)
    paths = sorted(layout.root.glob("round_gate/*/round_gate.json"))
    reports = [read_record(path, RoundGateReport) for path in paths]
    used = require_gate_1(kind.name, base, record, reports)
    return (*used, *require_shortfall(kind.name, _base_half(layout, base), record, guards))


def _base_half(layout: Layout, base: BaseRecord) -> GateReport | None:
    """Report of Gate 1's base half, as it was laid beside the base; None where there is none."""
    path = layout.bases / base.base_id / "gate_1.json"
    if not base.gate_1 or not path.exists():
        return None
    report = read_record(path, GateReport)
    if report.digest() != base.gate_1:
        raise GuardError(
            f"{path}: digest {report.digest()[:12]}, {base.base_id} was imported with "
            f"{base.gate_1[:12]}: the report was changed since; bring the original back"
        )
    return report
