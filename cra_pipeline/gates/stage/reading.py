"""What a gate reads: attempts and answers, the adapter's and the base's records, the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.gates import HoldoutAnswer, HoldoutAttempt
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import CheckError, RoundError
from cra_pipeline.gates.case import Case
from cra_pipeline.gates.ledger import versions
from cra_pipeline.integrations.evidence import command_of, require_checked
from cra_pipeline.integrations.files import (
    peek_journal,
    read_record,
    read_table,
    rows_content_id,
)
from cra_pipeline.kinds import ADAPTER_KINDS

ATTEMPTS = "holdout_attempts"


def key_of(adapter_kind: str, round_name: str) -> str:
    """Partition key of one kind and round."""
    return f"{adapter_kind}{MULTI}{round_name}"


def parts_of(partition: str) -> tuple[str, str]:
    """Kind and round of a key."""
    kind, _, name = partition.partition(MULTI)
    return kind, name


def round_record(layout: Layout, name: str) -> RoundRecord:
    """Record of an opened round.

    Raises:
        RoundError: It is not opened.
    """
    path = layout.rounds / f"{name}.json"
    if not path.exists():
        raise RoundError(f"{path}: missing: the round is not opened: cra-pipeline round open")
    return read_record(path, RoundRecord)


def adapter_of(layout: Layout, partition: str) -> AdapterManifest:
    """Manifest of the candidate.

    Raises:
        StoreError: It was not trained.
    """
    return read_record(layout.partition("adapter", partition) / "adapter.json", AdapterManifest)


def base_of(layout: Layout, adapter: AdapterManifest) -> BaseRecord:
    """Record of the base that a candidate was trained from.

    Raises:
        StoreError: The base is missing.
        CheckError: The base of that name is another one now.
    """
    recipe = adapter.recipe
    path = layout.bases / recipe.base_id / "base.json"
    base = read_record(path, BaseRecord)
    if base.content_id != recipe.base_digest:
        raise CheckError(
            f"{path}: holds base {base.content_id[:12]}, but {adapter.adapter_kind} "
            f"{adapter.round} was trained from {recipe.base_digest[:12]}: train it again"
        )
    return base


def ledger_lines(layout: Layout) -> tuple[LedgerLine, ...]:
    """Lines of the ledger as they stand; none where nothing was registered.

    Raises:
        StoreError: A line is damaged.
    """
    return peek_journal(layout.registry / "ledger.jsonl", LedgerLine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Evidence of one partition, as it was checked.

    Attributes:
        attempts: Rows of the first table.
        answers: Rows of the second.
        source: Its name and content id; latencies are of the machine and no part of it.
    """

    attempts: tuple[HoldoutAttempt, ...]
    answers: tuple[HoldoutAnswer, ...]
    source: Input


def heard(layout: Layout, partition: str) -> Heard:
    """Attempts and answered calls of a partition.

    Raises:
        CheckError: They are missing, unchecked, failed their check, or are other rows by now.
        StoreError: A table is damaged.
    """
    source = require_checked(layout, ATTEMPTS, partition)
    attempts = read_table(layout.table(ATTEMPTS, partition), HoldoutAttempt)
    path = layout.partition(ATTEMPTS, partition) / "holdout_answers.parquet"
    answers = read_table(path, HoldoutAnswer)
    timeless = [row.model_copy(update={"latency_ms": 0.0}) for row in attempts]
    found = rows_content_id([*timeless, *answers])
    if found != source.content_id:
        raise CheckError(
            f"{path.parent}: the tables come to {found[:12]}, {source.content_id[:12]} was "
            f"checked: they were changed since; run: {command_of(ATTEMPTS, partition)}"
        )
    return Heard(attempts=attempts, answers=answers, source=source)


def case_of(layout: Layout, partition: str) -> Case:
    """Everything that the gate of a ``kind|round`` judges.

    Raises:
        CheckError: Attempts or adapter are missing, unchecked or of another base; or the incumbent
            that the round names is not in the ledger.
        RoundError: The round is not opened.
        StoreError: A file is missing or damaged.
    """
    kind, name = parts_of(partition)
    record, adapter = round_record(layout, name), adapter_of(layout, partition)
    base = base_of(layout, adapter)
    evidence = heard(layout, partition)
    incumbent, digest = _incumbent(layout, record, kind, base.content_id)
    return Case(
        adapter_kind=kind,
        round=name,
        base_digest=base.content_id,
        adapter_digest=adapter.adapter_digest,
        incumbent=incumbent,
        incumbent_digest=digest,
        attempts=evidence.attempts,
        answers=evidence.answers,
        inputs=(
            Input(name=f"adapter.json/{partition}", content_id=adapter.digest()),
            evidence.source,
            Input(name=f"rounds/{name}", content_id=record.digest()),
        ),
        waivers=waivers_of(record, kind),
    )


def waivers_of(record: RoundRecord, kind: str) -> tuple[str, ...]:
    """Waivers of a round that name no other kind, as ``what: why``."""
    others = ADAPTER_KINDS.keys() - {kind}
    return tuple(
        f"{what}: {why}" for what, why in record.waivers if what.partition(":")[2] not in others
    )


def _incumbent(layout: Layout, record: RoundRecord, kind: str, base: str) -> tuple[str, str]:
    """Version and digest of the incumbent; nothing where it is void for its base."""
    version = dict(record.incumbents).get(kind, "")
    if not version:
        return "", ""
    known = versions(ledger_lines(layout)).get(version)
    if known is None:
        raise CheckError(
            f"{layout.registry / 'ledger.jsonl'}: {version} was in service when {record.round} was "
            "opened, but the ledger does not know it: restore the ledger"
        )
    return (version, known.adapter) if known.base == base else ("", "")
