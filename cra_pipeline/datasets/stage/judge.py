"""The blocking check of datasets, and their entry into the agent's database once it is passed."""

from __future__ import annotations

import hashlib
import json

from cra_pipeline.contracts.datasets import CandidateRow, DatasetManifest
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.card import counted
from cra_pipeline.datasets.facts import facts_of
from cra_pipeline.datasets.format_contract import findings
from cra_pipeline.datasets.judging import broken_rules
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.stage.chats import chat_of, note_on_tokens
from cra_pipeline.datasets.stage.court import court_of
from cra_pipeline.datasets.stage.dataset_files import Cell, read_rows
from cra_pipeline.datasets.stage.guide import note_on_size, plan_task
from cra_pipeline.datasets.stage.proof import row_faults, witness
from cra_pipeline.integrations.evidence import write_check
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.raw_db.training_datasets import RegisteredDataset, register
from cra_pipeline.kinds import ADAPTER_KINDS, CALL_KINDS


def check_dataset(layout: Layout, cell: Cell) -> CheckReport:
    """Judge a dataset on disk by its evidence and by the house's rules, and store the result.

    What the dataset's own manifest says of its rules is not believed: who wrote it with other
    numbers is judged by these. Only a dataset that passes is entered into the agent's database.

    Raises:
        StoreError: The dataset, or what it was made of, is missing or damaged.
    """
    manifest = read_record(layout.manifest(cell.asset, cell.partition), AssetManifest)
    told = read_record(cell.folder(layout) / "manifest.json", DatasetManifest)
    rows = tuple(read_rows(layout, cell))
    found = [
        *_misdescribed(layout, cell, manifest, told, rows),
        *row_faults(rows, witness(layout, cell.round, changes=True)),
        *broken_rules(rows, court_of(layout, cell, policy=CurationPolicy())),
        *_format_faults(layout, cell, rows),
    ]
    said = [note_on_tokens(layout, cell.adapter_kind), note_on_size(layout, cell, len(rows))]
    report = write_check(layout, manifest, found, notes=tuple(filter(None, said)))
    if report.passed:
        register(layout.raw_db, _entry(layout, cell, told, rows))
    return report


def _misdescribed(
    layout: Layout,
    cell: Cell,
    manifest: AssetManifest,
    told: DatasetManifest,
    rows: tuple[CandidateRow, ...],
) -> list[str]:
    """Where the manifests tell of another file, or count other rows."""
    digest = hashlib.sha256(cell.file(layout).read_bytes()).hexdigest()
    found = []
    if not digest == manifest.content_id == told.content_id:
        found.append(
            f"{cell.form}.jsonl is {digest[:12]}, its manifest says {told.content_id[:12]}"
        )
    facts = [facts_of(row) for row in rows]
    for name, said, counts in (
        ("rows", told.rows, len(rows)),
        ("replayed", told.replayed, sum(row.round != cell.round for row in rows)),
        ("by_source", told.by_source, counted([row.source for row in facts])),
        ("by_domain", told.by_domain, counted([row.domain for row in facts])),
        ("by_repo", told.by_repo, counted([row.repo for row in facts])),
        ("by_round", told.by_round, counted([row.round for row in facts])),
    ):
        if said != counts:
            found.append(f"the manifest's {name} is not what the rows come to")
    return found


def _format_faults(layout: Layout, cell: Cell, rows: tuple[CandidateRow, ...]) -> tuple[str, ...]:
    """What the base's chat template would make of the rows; nothing where it is not at hand."""
    chat = chat_of(layout, cell.adapter_kind)
    if chat is None:
        return ()
    # Messages were held against the logs already.
    window = CurationPolicy().length.most(cell.adapter_kind)
    return findings(rows, chat=chat, window=window, calls=None)


def _entry(
    layout: Layout, cell: Cell, told: DatasetManifest, rows: tuple[CandidateRow, ...]
) -> RegisteredDataset:
    verdicts = [facts_of(row).verdict for row in rows]
    against = len(rows) if cell.form == "dpo" else verdicts.count(False)
    source = next(
        (item.label for item in told.by_source if item.label != "cold_start"), "synthetic"
    )
    return RegisteredDataset(
        plan=plan_task(layout, cell.round),
        criteria=json.dumps({"form": cell.form, "rules": json.loads(told.policy)}, sort_keys=True),
        stage=cell.adapter_kind,
        base_model=role_of(cell.adapter_kind),
        source=source,
        path=f"{cell.asset}/{cell.adapter_kind}/{cell.round}/{cell.form}.jsonl"
        f"@{told.content_id[:12]}",
        examples=told.rows,
        positive=told.rows if cell.form == "dpo" else told.rows - against,
        negative=against,
    )


def role_of(adapter_kind: str) -> str:
    """The agent's model role whose calls an adapter kind answers."""
    stages = ADAPTER_KINDS[adapter_kind].stages
    return next(kind.role for kind in CALL_KINDS.values() if kind.stage in stages)
