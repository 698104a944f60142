"""Reads the published files that a workspace lists, writes cold-start rows and their check."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from cra_pipeline.contracts.cold_start import ColdStartFile, ColdStartPlan, PublishedRow
from cra_pipeline.contracts.datasets import DpoExample, SftExample
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Count, Input
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.cold_start.check import findings
from cra_pipeline.datasets.cold_start.conversion import (
    ConversionPolicy,
    Converted,
    converted,
    require_fit,
)
from cra_pipeline.datasets.cold_start.drawing import draw
from cra_pipeline.datasets.cold_start.examples import CALL
from cra_pipeline.datasets.cold_start.lint import faulty_lines
from cra_pipeline.datasets.cold_start.lintseq import Linter
from cra_pipeline.datasets.cold_start.wanted import Dropped
from cra_pipeline.errors import SourceError
from cra_pipeline.integrations.clean_room.installed import find_agent
from cra_pipeline.integrations.cold_start.line_files import LineFile, line_file, read_lines
from cra_pipeline.integrations.cold_start.listing import FILE, file_digest, read_plan
from cra_pipeline.integrations.cold_start.rows import files_of, published_rows
from cra_pipeline.integrations.cold_start.ruff_lint import ruff_lines, ruff_version
from cra_pipeline.integrations.cold_start.table import load_set
from cra_pipeline.integrations.evidence import write_check
from cra_pipeline.integrations.files import partition_lock, read_record, write_record

ASSET = "cold_start"
LINTERS: dict[str, Linter] = {"built_in": faulty_lines, "ruff": ruff_lines}
"""By the name in ``cold_start.toml``."""
WHOLE = ""
"""Partition key of an asset that has no partitions."""


def make_cold_start(
    layout: Layout,
    *,
    system: str | None = None,
    policy: ConversionPolicy | None = None,
    progress: Progress = silent,
) -> StageReport:
    """Write ``cold_start/sft.jsonl``, ``dpo.jsonl`` and their manifest.

    Args:
        layout: The workspace; its ``cold_start.toml`` lists the files.
        system: The agent's system prompt of the call; None to read it from the installed agent.
        policy: The numbers of converting; the seed is that of ``cold_start.toml``.
        progress: Told after each entry.

    Raises:
        SourceError: The list or a file is missing or unfit, or no row of any could be said.
        AgentError: The agent is asked for its prompt, and is not there.
        BusyError: Another run is at work on the asset.
    """
    with partition_lock(layout, ASSET, WHOLE):
        plan = _fitting_plan(layout)
        said = find_agent(os.environ).system_prompts[CALL] if system is None else system
        rules = dataclasses.replace(policy or ConversionPolicy(), seed=plan.seed)
        folder = layout.partition(ASSET, WHOLE)
        with line_file(folder / "sft.jsonl") as sft, line_file(folder / "dpo.jsonl") as dpo:
            tally = _Tally(sft, dpo)
            for number, entry in enumerate(plan.files, 1):
                tally.add(entry.set, _of_entry(layout, entry, said, rules))
                progress(number, len(plan.files), entry.set)
            tally.require_rows(bool(plan.files))
            # A kill from here on must not leave an older manifest beside new rows.
            layout.manifest(ASSET, WHOLE).unlink(missing_ok=True)
        manifest = AssetManifest(
            asset=ASSET,
            partition=WHOLE,
            rows=sft.rows + dpo.rows,
            content_id=_both(sft.content_id, dpo.content_id),
            inputs=_inputs(layout, plan.files, said),
            counts=tally.counts(),
            policy=json.dumps(dataclasses.asdict(rules), sort_keys=True),
        )
        write_record(layout.manifest(ASSET, WHOLE), manifest)
    return StageReport(manifest=manifest, preview=tuple(tally.preview))


def check_cold_start(layout: Layout) -> CheckReport:
    """Judge the rows on disk and store the result.

    Raises:
        StoreError: A file is missing or damaged.
    """
    manifest = read_record(layout.manifest(ASSET, WHOLE), AssetManifest)
    folder = layout.partition(ASSET, WHOLE)
    found = findings(
        read_lines(folder / "sft.jsonl", SftExample),
        read_lines(folder / "dpo.jsonl", DpoExample),
        rows=manifest.rows,
    )
    names = "sft.jsonl", "dpo.jsonl"
    if _both(*(file_digest(folder / name) for name in names)) != manifest.content_id:
        found = (*found, "the files are not those that the manifest describes")
    return write_check(layout, manifest, found)


def _fitting_plan(layout: Layout) -> ColdStartPlan:
    plan = read_plan(layout.root)
    try:
        for entry in plan.files:
            require_fit(entry)
    except ValueError as error:
        raise SourceError(f"{layout.root / FILE}: {error}") from error
    return plan


def _of_entry(
    layout: Layout, entry: ColdStartFile, system: str, policy: ConversionPolicy
) -> Iterator[tuple[PublishedRow, Converted]]:
    published = load_set(entry.set)
    unread: list[PublishedRow] = []
    rows = _readable(published_rows(published, entry, files_of(entry, layout.root)), unread)
    # Each of these counts: the draw takes rows with equal texts as one.
    for row in (*draw(rows, entry.count, policy.seed), *unread):
        for item in converted(row, entry, system, policy, linter=LINTERS[entry.linter]):
            yield row, item


def _readable(rows: Iterable[PublishedRow], unread: list[PublishedRow]) -> Iterator[PublishedRow]:
    for row in rows:
        if row.fault:
            unread.append(row)
        else:
            yield row


class _Tally:
    """Writes what comes, once each, and counts it by set and reason."""

    def __init__(self, sft: LineFile, dpo: LineFile) -> None:
        self._sft, self._dpo = sft, dpo
        self._seen: set[str] = set()
        self._counts: Counter[str] = Counter()
        self.preview: list[dict[str, str]] = []

    def add(self, name: str, items: Iterable[tuple[PublishedRow, Converted]]) -> None:
        """Take in the rows of one entry."""
        for row, item in items:
            self._counts[f"{name}:{self._reason(row, item)}"] += 1

    def _reason(self, row: PublishedRow, item: Converted) -> str:
        if isinstance(item, Dropped):
            return item.reason
        if item.example_id in self._seen:
            return "duplicate"
        self._seen.add(item.example_id)
        if len(self.preview) < 10:  # noqa: PLR2004  # a glance, no policy
            task = item.prompt[1].content.split("\n")[1]
            self.preview.append({"set": row.dataset, "row": row.row, "task": task[:60]})
        (self._sft if isinstance(item, SftExample) else self._dpo).add(item)
        return "sft" if isinstance(item, SftExample) else "dpo"

    def counts(self) -> tuple[Count, ...]:
        """By set and reason, the most frequent first."""
        tallies = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Count(label=label, count=count) for label, count in tallies)

    def require_rows(self, asked: bool) -> None:  # noqa: FBT001  # private
        """Refuse an asset without rows where some were asked for."""
        if asked and not self._sft.rows + self._dpo.rows:
            reasons = ", ".join(f"{item.label} {item.count}" for item in self.counts())
            raise SourceError(f"{FILE}: no row could be said in the agent's format: {reasons}")


def _inputs(layout: Layout, entries: tuple[ColdStartFile, ...], system: str) -> tuple[Input, ...]:
    listed = Input(name=FILE, content_id=file_digest(layout.root / FILE))
    prompt = Input(name=f"agent/{CALL}", content_id=hashlib.sha256(system.encode()).hexdigest())
    files = {
        f"{entry.set}/{path.name}": path
        for entry in entries
        for path in files_of(entry, layout.root)
    }
    read = [_input(name, path) for name, path in files.items()]
    return tuple(sorted([listed, prompt, *_linters(entries), *read], key=lambda item: item.name))


def _linters(entries: Iterable[ColdStartFile]) -> tuple[Input, ...]:
    """Another version of a linter may call other states clean."""
    if all(entry.linter == "built_in" for entry in entries):
        return ()
    version = hashlib.sha256(ruff_version().encode()).hexdigest()
    return (Input(name="linter/ruff", content_id=version),)


def _input(name: str, path: Path) -> Input:
    return Input(name=name, content_id=file_digest(path))


def _both(sft: str, dpo: str) -> str:
    return hashlib.sha256(f"{sft}\n{dpo}\n".encode()).hexdigest()
