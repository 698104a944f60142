"""``sft_dataset`` and ``dpo_dataset``: from a pool to a JSONL file with its manifest and card."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cra_pipeline.contracts.datasets import (
    CandidateRow,
    DatasetManifest,
    dpo_example,
    sft_example,
)
from cra_pipeline.contracts.manifests import AssetManifest, Count, Input
from cra_pipeline.contracts.ports import ChatFormat
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.card import counted
from cra_pipeline.datasets.compose import Candidates, Composition, compose
from cra_pipeline.datasets.curriculum import difficulty
from cra_pipeline.datasets.facts import Facts, facts_of
from cra_pipeline.datasets.format_contract import token_faults
from cra_pipeline.datasets.judging import Court, touches
from cra_pipeline.datasets.length import sort_of, tokens
from cra_pipeline.datasets.near import Signature, own_text, signature
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.refusal import Refusal
from cra_pipeline.datasets.stage.cards import CardRow, domain_plot, preview_of, write_card
from cra_pipeline.datasets.stage.chats import chat_of
from cra_pipeline.datasets.stage.court import benchmarks_input, court_of
from cra_pipeline.datasets.stage.dataset_files import Cell, published, require_cell
from cra_pipeline.datasets.stage.guide import plan_input
from cra_pipeline.datasets.stage.origins import keep_origins
from cra_pipeline.datasets.stage.pools import pool_size, pooled
from cra_pipeline.datasets.stage.takedowns import takedown_rule
from cra_pipeline.errors import DatasetError
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import (
    partition_lock,
    write_record,
)

_TOLD_EVERY = 1000
_SPOOL = "spool.jsonl"


@dataclass(slots=True)
class Spool:
    """Candidates that no rule on single rows turned away; their texts lie in a file."""

    file: BinaryIO
    facts: dict[str, Facts] = field(default_factory=dict)
    signatures: dict[str, Signature] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)


def curate(
    layout: Layout,
    cell: Cell,
    *,
    policy: CurationPolicy | None = None,
    progress: Progress = silent,
) -> StageReport:
    """Write one dataset of a kind and round.

    Args:
        layout: The workspace.
        cell: Which one.
        policy: The rules; the check judges by the house's own, whatever is said here.
        progress: Told about candidates read.

    Raises:
        DatasetError: The kind has no such dataset, or the rows that there are cannot keep the
            rules: nothing is written, and an older dataset stays.
        RoundError: The round is not opened.
        CheckError: Pool or holdout are missing, failed their check, or changed since.
        BusyError: Another run is at work on this dataset.
    """
    require_cell(cell)
    rules = policy or CurationPolicy()
    with partition_lock(layout, cell.asset, cell.partition):
        inputs = _inputs(layout, cell)
        court = court_of(layout, cell, policy=rules)
        with published(layout, cell) as folder:
            with (folder / _SPOOL).open("w+b") as file:
                spool = Spool(file)
                chat = chat_of(layout, cell.adapter_kind)
                rows = pooled(layout, cell.round, *cell.reads)
                total = pool_size(layout, cell.round, *cell.reads)
                fill(spool, rows, court, _teller(progress, cell, total), chat=chat)
                made = _composed(cell, spool, court)
                content_id = _write_lines(folder / cell.file(layout).name, made.rows, spool)
            (folder / _SPOOL).unlink()
            manifest = _manifest(cell, made, spool, content_id, court).model_copy(
                update={"inputs": inputs}
            )
            write_record(folder / "manifest.json", manifest)
            write_card(layout, folder, manifest, court, rows_of(made, spool))
            sealed = _sealed(cell, manifest)
            write_record(folder / "asset.json", sealed)
            keep_origins(layout, cell, folder / cell.file(layout).name, content_id)
    return StageReport(
        manifest=sealed, preview=preview_of(manifest), plot=domain_plot(layout, manifest)
    )


def _inputs(layout: Layout, cell: Cell) -> tuple[Input, ...]:
    upstream = [require_checked(layout, name, cell.round) for name in ("round_pool", "holdout")]
    _, tombstones = takedown_rule(layout)
    found = [benchmarks_input(), *upstream, *plan_input(layout, cell.round), *tombstones]
    return tuple(sorted(found, key=lambda item: item.name))


def fill(
    spool: Spool,
    rows: Iterable[CandidateRow],
    court: Court,
    told: Callable[[int], None],
    *,
    chat: ChatFormat | None = None,
) -> None:
    """One pass over a pool; only facts and signatures stay in memory.

    Equal messages are one candidate, of the earliest round that admitted them.
    """
    for number, row in enumerate(rows, 1):
        facts = facts_of(row, difficulty=difficulty(row))
        length = tokens(row, court.counter)
        if reason := _turned_away(row, facts, length, court) or _unfit(row, court, chat):
            spool.dropped[reason] += 1
        elif (known := spool.facts.get(facts.example_id)) is not None:
            spool.dropped["duplicate"] += 1
            if facts.precedence < known.precedence:
                _keep(spool, row, facts, length)
        else:
            _keep(spool, row, facts, length)
            spool.signatures[facts.example_id] = signature(own_text(row), court.policy.near)
        told(number)


def _teller(progress: Progress, cell: Cell, total: int) -> Callable[[int], None]:
    def tell(number: int) -> None:
        if number % _TOLD_EVERY == 0 or number == total:
            progress(number, total, f"{cell.form} {cell.adapter_kind} {cell.round} candidates")

    return tell


def _turned_away(row: CandidateRow, facts: Facts, length: int, court: Court) -> str:
    """Why a row is out whatever else there is, as a code; empty where it is not."""
    if length > court.policy.length.most(court.adapter_kind):
        return "too_long"
    return touches(row, facts, court)


def _unfit(row: CandidateRow, court: Court, chat: ChatFormat | None) -> str:
    """``unfit_for_template`` where the base's chat template makes another row of it, else empty."""
    if chat is None:
        return ""
    window = court.policy.length.most(court.adapter_kind)
    return "unfit_for_template" if any(token_faults(row, chat, window=window)) else ""


def _keep(spool: Spool, row: CandidateRow, facts: Facts, length: int) -> None:
    example = sft_example(row) if row.form == "sft" else dpo_example(row)
    line = example.canonical_json().encode() + b"\n"
    name = facts.example_id
    spool.places[name] = (spool.file.tell(), len(line))
    spool.file.write(line)
    spool.facts[name] = facts
    spool.lengths[name] = length
    spool.licences[name] = row.origin.licence
    # Why a rejected one lost names its test: only the sort of reason is counted.
    spool.labels[name] = row.label.partition(":")[0]


def _composed(cell: Cell, spool: Spool, court: Court) -> Composition:
    candidates = Candidates(
        adapter_kind=cell.adapter_kind,
        round=cell.round,
        facts=tuple(spool.facts.values()),
        signatures=spool.signatures,
        dropped=spool.dropped,
        quota=court.quota,
    )
    try:
        return compose(candidates, court.policy)
    except Refusal as error:
        raise DatasetError(f"{cell.form} {cell.adapter_kind} {cell.round}: {error}") from error


def _write_lines(path: Path, rows: Sequence[Facts], spool: Spool) -> str:
    """Write the chosen rows in order; returns the SHA-256 of the file."""
    digest = hashlib.sha256()
    with path.open("wb") as target:
        for row in rows:
            start, size = spool.places[row.example_id]
            spool.file.seek(start)
            line = spool.file.read(size)
            digest.update(line)
            target.write(line)
    return digest.hexdigest()


def _manifest(
    cell: Cell, made: Composition, spool: Spool, content_id: str, court: Court
) -> DatasetManifest:
    rows = made.rows
    return DatasetManifest(
        adapter_kind=cell.adapter_kind,
        round=cell.round,
        form=cell.form,
        rows=len(rows),
        replayed=made.replayed(cell.round),
        content_id=content_id,
        inputs=(),
        by_source=counted([row.source for row in rows]),
        by_domain=counted([row.domain for row in rows]),
        by_repo=counted([row.repo for row in rows]),
        by_label=counted([spool.labels[name] for name in made.names]),
        by_round=counted([row.round for row in rows]),
        dropped=counted(list(made.dropped.elements())),
        policy=court.policy.canonical_json(
            tokenizer=court.counter.name, tokens=sort_of(court.counter), quota=court.quota
        ),
    )


def rows_of(made: Composition, spool: Spool) -> tuple[CardRow, ...]:
    """What a card tells of the chosen rows, in order."""
    return tuple(
        CardRow(row, spool.lengths[row.example_id], spool.licences[row.example_id])
        for row in made.rows
    )


def _sealed(cell: Cell, manifest: DatasetManifest) -> AssetManifest:
    return AssetManifest(
        asset=cell.asset,
        partition=cell.partition,
        rows=manifest.rows,
        content_id=manifest.content_id,
        inputs=manifest.inputs,
        counts=(Count(label="row", count=manifest.rows), *manifest.dropped),
        policy=manifest.policy,
    )
