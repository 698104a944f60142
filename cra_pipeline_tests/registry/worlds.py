"""Workspaces with gated adapters of a kind, made on disk as the stages before would leave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cra_pipeline.contracts.adapters import AdapterManifest, AdapterRecipe
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.gates import (
    ArmFigure,
    Decision,
    Estimate,
    GateReport,
    PairedChange,
    Requirement,
    RoundGateReport,
)
from cra_pipeline.contracts.manifests import AssetManifest, Input
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError
from cra_pipeline.integrations.adapter_files import CONFIG, MANIFEST, WEIGHTS, adapter_digest
from cra_pipeline.integrations.evidence import write_check
from cra_pipeline.integrations.files import read_record, write_bytes, write_record
from cra_pipeline.registry.stage.entries import enter
from cra_pipeline.registry.stage.promoting import promote
from cra_pipeline.registry.stage.registering import register

BASE = "b" * 64


def vet(folder: Path) -> AdapterManifest:
    """Manifest of an adapter whose files are those that it names; tensors are not looked at."""
    manifest = read_record(folder / MANIFEST, AdapterManifest)
    if adapter_digest(folder)[0] != manifest.adapter_digest:
        raise GuardError(f"{folder}: changed")
    return manifest


def estimate(value: float, low: float, high: float) -> Estimate:
    """A figure over forty tasks."""
    return Estimate(value=value, low=low, high=high, clusters=40, method="bootstrap by task")


@dataclass(frozen=True, slots=True)
class Worse:
    """A finding against a version in service."""

    version: str
    reason: str = "relevant_recall fell to 30 %"


@dataclass(slots=True, kw_only=True)
class World:
    """A workspace, and what its next gate reports say.

    Attributes:
        layout: The workspace.
        base: Content id of the base that adapters are trained from.
        incumbents: Version and adapter digest that each kind's next report compares with.
    """

    layout: Layout
    base: str = BASE
    incumbents: dict[str, tuple[str, str]] = field(default_factory=dict)

    def gated(
        self,
        kind: str = "scope",
        round_name: str = "r01",
        decision: Decision = "passed",
        figures: tuple[ArmFigure, ...] = (),
        changes: tuple[PairedChange, ...] = (),
    ) -> GateReport:
        """Train and gate a kind in a round, and let the round gate pass all that passed."""
        digest = self.adapter(kind, round_name)
        incumbent, incumbent_digest = self.incumbents.get(kind, ("", ""))
        report = GateReport(
            adapter_kind=kind,
            round=round_name,
            base_digest=self.base,
            adapter_digest=digest,
            incumbent=incumbent,
            incumbent_digest=incumbent_digest,
            primary="relevant_recall",
            decision=decision,
            requirements=(
                Requirement(
                    name="gain_against_base",
                    holds={"passed": True, "failed": False, "not_enough_evidence": None}[decision],
                    found="+0.30",
                    expected="above 0",
                ),
            ),
            figures=figures or (candidate(0.9, 0.8, 0.95),),
            changes=changes,
            tasks=40,
            inputs=(),
            policy="{}",
        )
        self.write("gate_report", f"{kind}|{round_name}", "gate.json", report, checked=True)
        self.round_gate(round_name, {kind: report.digest()} if decision == "passed" else {})
        return report

    def adapter(self, kind: str, round_name: str) -> str:
        """Write an adapter's files; returns its digest."""
        folder = self.layout.partition("adapter", f"{kind}|{round_name}")
        write_bytes(folder / WEIGHTS, f"weights of {kind} {round_name}".encode())
        write_bytes(folder / CONFIG, b'{"peft_type": "LORA"}')
        digest, weights = adapter_digest(folder)
        manifest = AdapterManifest(
            adapter_kind=kind,
            round=round_name,
            recipe=recipe(kind, round_name, self.base),
            trainer="peft",
            adapter_digest=digest,
            weights_sha256=weights,
            rows=(("sft train", 480),),
            training_loss=0.25,
            validation_loss=0.3,
            steps=60,
            stopped_early=False,
        )
        write_record(folder / MANIFEST, manifest)
        return manifest.adapter_digest

    def round_gate(
        self,
        round_name: str,
        fresh: Mapping[str, str],
        gate_1: Decision = "passed",
        gate_2: Decision = "passed",
    ) -> None:
        """Judge all candidates of a round together, those of before included."""
        path = self.layout.partition("round_gate", round_name) / "round_gate.json"
        known = {}
        if path.exists():
            found = RoundGateReport.parse_json(path.read_bytes(), where=str(path))
            known = {item.name: item.content_id for item in found.candidates}
        candidates = sorted({**known, **fresh}.items())
        report = RoundGateReport(
            round=round_name,
            candidates=tuple(Input(name=name, content_id=digest) for name, digest in candidates),
            gate_1=gate_1,
            gate_2=gate_2,
            requirements=(),
            changes=(),
            tasks=30,
            inputs=(),
            policy="{}",
        )
        self.write("round_gate", round_name, "round_gate.json", report, checked=True)

    def write(self, asset: str, cell: str, name: str, report: Record, *, checked: bool) -> None:
        """Write a report with its manifest, and its check where it was checked."""
        write_record(self.layout.partition(asset, cell) / name, report)
        manifest = AssetManifest(
            asset=asset,
            partition=cell,
            rows=1,
            content_id=report.digest(),
            inputs=(),
            counts=(),
            policy="{}",
        )
        write_record(self.layout.manifest(asset, cell), manifest)
        if checked:
            write_check(self.layout, manifest, [])

    def serve(self, kind: str = "scope", round_name: str = "r01") -> str:
        """Gate, register and promote; later rounds compare with it. Returns the version."""
        self.gated(kind, round_name)
        row = register(self.layout, kind, round_name, vet=vet)
        promote(self.layout, kind, row.version)
        self.incumbents[kind] = (row.version, row.adapter_digest)
        return row.version

    def entered(self, kind: str, round_name: str, *worse: Worse) -> None:
        """Run the asset of one cell."""
        enter(self.layout, f"{kind}|{round_name}", worse=worse, vet=vet)

    def add_base(self, base_id: str, content_id: str, *, replaces: str = "") -> None:
        """Import a base."""
        record = BaseRecord(
            base_id=base_id,
            role="tiny",
            name="tiny",
            architecture="Qwen3ForCausalLM",
            parameters=1,
            window=2048,
            chat="tiny",
            end_of_turn="<|im_end|>",
            files=(),
            content_id=content_id,
            replaces=replaces,
        )
        write_record(self.layout.bases / base_id / "base.json", record)


def candidate(value: float, low: float, high: float) -> ArmFigure:
    """The candidate's primary metric."""
    return arm("candidate", value, low, high)


def arm(name: str, value: float, low: float, high: float) -> ArmFigure:
    """An arm's primary metric."""
    return ArmFigure(arm=name, metric="relevant_recall", estimate=estimate(value, low, high))


def recipe(kind: str, round_name: str, base: str) -> AdapterRecipe:
    """A recipe on one supervised dataset."""
    return AdapterRecipe(
        adapter_kind=kind,
        round=round_name,
        technique="sft",
        base_id="tiny-2k-base-v1",
        base_digest=base,
        datasets=(Input(name=f"sft_dataset/{kind}|{round_name}", content_id="d" * 64),),
        rank=16,
        alpha=32,
        dropout=0.0,
        targets=("q_proj",),
        quantisation="none",
        precision="float32",
        window=2048,
        end_of_turn="<|im_end|>",
        seed=0,
        phases=(),
    )
