"""Workspaces with attempts on the holdout, as the stages before would leave them on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cra_pipeline.contracts.adapters import AdapterManifest, AdapterRecipe
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.gates import Arm, HoldoutAnswer, HoldoutAttempt
from cra_pipeline.contracts.manifests import AssetManifest, Input
from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.gates.policy import BASE_HALF
from cra_pipeline.integrations.evidence import write_check
from cra_pipeline.integrations.files import (
    append_journal,
    rows_content_id,
    write_record,
    write_table,
)
from cra_pipeline_tests.gates.arms import ADAPTER, BASE, EARLIER, answers, attempts

RIGHT, WRONG = "ynyn", "nyny"
TASKS = 20
ROUND, KEY = "r01", "scope|r01"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One workspace.

    Attributes:
        layout: Its paths.
    """

    layout: Layout

    def base(self, role: Literal["reasoning", "coding", "tiny"] = "tiny") -> None:
        """A base record, and its model's digest with it."""
        record = BaseRecord(
            base_id="tiny-1k-base-v1",
            role=role,
            name="tiny",
            architecture="Qwen3ForCausalLM",
            parameters=1,
            window=1024,
            chat="chatml",
            end_of_turn="<|im_end|>",
            files=(),
            content_id=BASE,
        )
        write_record(self.layout.bases / record.base_id / "base.json", record)

    def adapter(
        self, kind: str = "scope", name: str = ROUND, digest: str = ADAPTER, *, version: str = ""
    ) -> None:
        """Manifest of an adapter, or of a version, with the dataset that it was trained from."""
        key = f"{kind}|{name}"
        data = Input(name=f"sft_dataset/{key}", content_id="d" * 64)
        self.checked("sft_dataset", key, content_id=data.content_id)
        recipe = AdapterRecipe(
            adapter_kind=kind,
            round=name,
            technique="sft",
            base_id="tiny-1k-base-v1",
            base_digest=BASE,
            datasets=(data,),
            rank=8,
            alpha=16,
            dropout=0.0,
            targets=("q_proj",),
            quantisation="none",
            precision="float32",
            window=1024,
            end_of_turn="<|im_end|>",
            seed=0,
            phases=(),
        )
        manifest = AdapterManifest(
            adapter_kind=kind,
            round=name,
            recipe=recipe,
            trainer="peft",
            adapter_digest=digest,
            weights_sha256="w" * 64,
            rows=(),
            training_loss=0.1,
            validation_loss=None,
            steps=1,
            stopped_early=False,
        )
        folder = self.layout.partition("adapter", key)
        folder = self.layout.adapter_version(version) if version else folder
        write_record(folder / "adapter.json", manifest)

    def round(self, *, incumbent: str = "", waived: bool = True, name: str = ROUND) -> None:
        """The round's record."""
        record = RoundRecord(
            round=name,
            cut_off=1,
            pins=(("kept", "0" * 40), ("known", "0" * 40)),
            held_out=("kept",),
            incumbents=(("scope", incumbent),) if incumbent else (),
            waivers=((BASE_HALF, "demo base"),) if waived else (),
        )
        write_record(self.layout.rounds / f"{name}.json", record)

    def registered(self, version: str, digest: str = EARLIER) -> None:
        """A ledger of one line."""
        line = LedgerLine(
            number=0,
            previous="",
            act="registered",
            adapter_kind="scope",
            version=version,
            round="r00",
            base_digest=BASE,
            adapter_digest=digest,
            at=1,
        )
        append_journal(self.layout.registry / "ledger.jsonl", line)

    def rows(
        self,
        tried: Sequence[HoldoutAttempt],
        said: Sequence[HoldoutAnswer] = (),
        *,
        key: str = KEY,
        passed: bool = True,
    ) -> None:
        """Attempts and answers, with the check of the stage that made them."""
        write_table(self.layout.table("holdout_attempts", key), tried, HoldoutAttempt)
        folder = self.layout.partition("holdout_attempts", key)
        write_table(folder / "holdout_answers.parquet", said, HoldoutAnswer)
        timeless = [row.model_copy(update={"latency_ms": 0.0}) for row in tried]
        manifest = AssetManifest(
            asset="holdout_attempts", partition=key, rows=len(tried),
            content_id=rows_content_id([*timeless, *said]), inputs=(), counts=(), policy="{}",
        )  # fmt: skip
        write_record(self.layout.manifest("holdout_attempts", key), manifest)
        write_check(self.layout, manifest, () if passed else ("an arm lacks attempts",))

    def checked(
        self, asset: str, partition: str, *findings: str, content_id: str = "c" * 64
    ) -> None:
        """An upstream partition that passed its check, or not."""
        manifest = AssetManifest(
            asset=asset, partition=partition, rows=1, content_id=content_id,
            inputs=(), counts=(), policy="{}",
        )  # fmt: skip
        write_record(self.layout.manifest(asset, partition), manifest)
        write_check(self.layout, manifest, findings)


def scope_rows(
    said: Iterable[tuple[Arm, str]], tasks: int = TASKS
) -> tuple[list[HoldoutAttempt], list[HoldoutAnswer]]:
    """Every arm solves every task, and answers each one's four questions alike."""
    tried: list[HoldoutAttempt] = []
    heard: list[HoldoutAnswer] = []
    for arm, word in said:
        tried += attempts(arm, "p" * tasks, kind="scope")
        heard += answers(arm, [word] * tasks)
    return tried, heard


def gated_world(root: Path, *, better: bool = True) -> World:
    """A tiny base, a first round, and a scope adapter that reads right, or as the base does."""
    world = World(layout=Layout(root))
    world.base()
    world.adapter()
    world.round()
    world.checked("training_plan", ROUND)
    world.rows(*scope_rows([("base", WRONG), ("candidate", RIGHT if better else WRONG)]))
    return world
