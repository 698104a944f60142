"""``sft_dataset`` and ``dpo_dataset``: from a pool to a JSONL file with its manifest and card."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cra_pipeline.contracts.datasets import (
    CandidateRow,
    DatasetManifest,
    dpo_example,
    sft_example,
)
from cra_pipeline.contracts.holdout import HoldoutRow
from cra_pipeline.contracts.manifests import AssetManifest, Count, Input
from cra_pipeline.contracts.ports import ChatFormat
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.card import counted
from cra_pipeline.datasets.compose import Candidates, Composition, compose
from cra_pipeline.datasets.curriculum import difficulty
from cra_pipeline.datasets.decontamination import Benchmarks, Contamination, slug_of
from cra_pipeline.datasets.facts import Facts, facts_of
from cra_pipeline.datasets.format_contract import token_faults
from cra_pipeline.datasets.judging import Court, touches
from cra_pipeline.datasets.length import sort_of, tokens
from cra_pipeline.datasets.near import Signature, own_text, signature
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.refusal import Refusal
from cra_pipeline.datasets.stage.cards import CardRow, domain_plot, preview_of, write_card
from cra_pipeline.datasets.stage.chats import chat_of, counter_of
from cra_pipeline.datasets.stage.dataset_files import Cell, published, require_cell
from cra_pipeline.datasets.stage.guide import plan_input, quota_of
from cra_pipeline.datasets.stage.lines import line_of
from cra_pipeline.datasets.stage.pools import pooled
from cra_pipeline.datasets.stage.takedowns import takedown_rule
from cra_pipeline.errors import DatasetError, StoreError
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    read_table,
    rows_content_id,
    write_record,
)

BENCHMARKS = Path(__file__).resolve().parents[3] / "corpus" / "benchmarks.toml"
"""The list beside the package in a checkout."""
CORPUS = BENCHMARKS.with_name("repos.toml")
"""The addresses of the corpus, likewise."""
_TOLD_EVERY = 1000
_SPOOL = "spool.jsonl"


@dataclass(slots=True)
class Spool:
    """Candidates that no rule on single rows turned away; their texts lie in a file."""

    file: BinaryIO
    facts: list[Facts] = field(default_factory=list)
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
                fill(spool, rows, court, progress, chat=chat)
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
    return StageReport(
        manifest=sealed, preview=preview_of(manifest), plot=domain_plot(layout, manifest)
    )


def _inputs(layout: Layout, cell: Cell) -> tuple[Input, ...]:
    listed = Input(
        name="benchmarks.toml", content_id=hashlib.sha256(_benchmarks_text().encode()).hexdigest()
    )
    upstream = [require_checked(layout, name, cell.round) for name in ("round_pool", "holdout")]
    _, tombstones = takedown_rule(layout)
    found = [listed, *upstream, *plan_input(layout, cell.round), *tombstones]
    return tuple(sorted(found, key=lambda item: item.name))


def _benchmarks_text() -> str:
    if not BENCHMARKS.is_file():
        raise StoreError(f"{BENCHMARKS}: missing; run from a checkout, installed with `make setup`")
    return BENCHMARKS.read_text(encoding="utf-8")


def court_of(layout: Layout, cell: Cell, *, policy: CurationPolicy) -> Court:
    """What the rows of a dataset are judged by, the round's holdout included.

    Raises:
        StoreError: The holdout or the list of benchmarks cannot be read.
    """
    line = line_of(layout, cell.round)
    try:
        benchmarks = Benchmarks.parse(_benchmarks_text(), where=str(BENCHMARKS))
    except ValueError as error:
        raise StoreError(f"{error}; mend that entry") from error
    return Court(
        adapter_kind=cell.adapter_kind,
        round=cell.round,
        policy=policy,
        contamination=Contamination(
            _kept_out(layout, cell.round),
            line.record.held_out,
            benchmarks,
            {repo: _slug(layout, repo) for repo in line.reaches},
            policy.contamination,
        ),
        taken_down=takedown_rule(layout)[0],
        counter=counter_of(layout, cell.adapter_kind),
        quota=quota_of(layout, cell),
    )


def _kept_out(layout: Layout, round_name: str) -> tuple[HoldoutRow, ...]:
    path = layout.table("holdout", round_name)
    rows = read_table(path, HoldoutRow)
    told = read_record(layout.manifest("holdout", round_name), AssetManifest).content_id
    if (found := rows_content_id(rows)) != told:
        raise StoreError(
            f"{path}: is {found[:12]}, its manifest says {told[:12]}: keep the holdout out again"
        )
    return rows


def _slug(layout: Layout, repo: str) -> str:
    (snapshot,) = read_table(layout.table("repo_snapshots", repo), RepoSnapshot)
    return slug_of(snapshot.url) or _listed_slug(repo) or _benchmark_named(repo) or repo


def _listed_slug(repo: str) -> str:
    """Of the corpus' entry of that name: a clone from this machine keeps no address."""
    tables = tomllib.loads(CORPUS.read_text(encoding="utf-8")).get("repo", [])
    return next((slug_of(item["url"]) for item in tables if item["name"] == repo), "")


def _benchmark_named(repo: str) -> str:
    """A benchmark's repository of that name: where the owner is unknown it counts as that one."""
    found = Benchmarks.parse(_benchmarks_text(), where=str(BENCHMARKS)).repositories
    return min((slug for slug in found if slug.rpartition("/")[2] == repo.lower()), default="")


def fill(
    spool: Spool,
    rows: Iterable[CandidateRow],
    court: Court,
    progress: Progress,
    *,
    chat: ChatFormat | None = None,
) -> None:
    """One pass over a pool; only facts and signatures stay in memory."""
    for number, row in enumerate(rows, 1):
        facts = facts_of(row, difficulty=difficulty(row))
        length = tokens(row, court.counter)
        if reason := _turned_away(row, facts, length, court) or _unfit(row, court, chat):
            spool.dropped[reason] += 1
        else:
            _keep(spool, row, facts, length)
            spool.signatures[facts.example_id] = signature(own_text(row), court.policy.near)
        if number % _TOLD_EVERY == 0:
            progress(number, number, f"{court.adapter_kind} {court.round} candidates")


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
    spool.facts.append(facts)
    spool.lengths[name] = length
    spool.licences[name] = row.origin.licence
    # Why a rejected one lost names its test: only the sort of reason is counted.
    spool.labels[name] = row.label.partition(":")[0]


def _composed(cell: Cell, spool: Spool, court: Court) -> Composition:
    candidates = Candidates(
        adapter_kind=cell.adapter_kind,
        round=cell.round,
        facts=tuple(spool.facts),
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
