"""Finished partitions and the checks that guard the way from one stage to the next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Count, Input
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import CheckError, StoreError
from cra_pipeline.integrations.files import read_record, write_record, write_table

R = TypeVar("R", bound=Record)
BY_KIND = frozenset(
    {"sft_dataset", "dpo_dataset", "adapter", "holdout_attempts", "gate_report", "registry_entry"}
)
"""Assets whose keys begin with an adapter kind; all other keys of two parts with a repository."""
_ROUND = re.compile(r"r\d{2,}")


def seal_table(  # noqa: PLR0913  # one keyword per field of the manifest
    layout: Layout,
    asset: str,
    partition: str,
    rows: Sequence[R],
    record: type[R],
    *,
    reasons: Iterable[str],
    inputs: Sequence[Input],
    policy: str,
) -> AssetManifest:
    """Write a partition's table, then its manifest: only then is the partition done.

    Args:
        layout: The workspace.
        asset: Name of the asset.
        partition: Its partition key.
        rows: In the order to be kept.
        record: Shape of the rows.
        reasons: One label per row, counted into ``AssetManifest.counts``.
        inputs: What the rows were made of.
        policy: Canonical JSON of the numbers that decided them.
    """
    # A kill between the two writes must not leave an older manifest, and with it an older passed
    # check, beside the new rows.
    layout.manifest(asset, partition).unlink(missing_ok=True)
    content_id = write_table(layout.table(asset, partition), rows, record)
    tallies = sorted(Counter(reasons).items(), key=lambda item: (-item[1], item[0]))
    manifest = AssetManifest(
        asset=asset,
        partition=partition,
        rows=len(rows),
        content_id=content_id,
        inputs=tuple(sorted(inputs, key=lambda item: item.name)),
        counts=tuple(Count(label=label, count=count) for label, count in tallies),
        policy=policy,
    )
    write_record(layout.manifest(asset, partition), manifest)
    return manifest


def write_check(
    layout: Layout, manifest: AssetManifest, findings: Sequence[str], *, notes: Sequence[str] = ()
) -> CheckReport:
    """Store the result of a blocking check on the partition that ``manifest`` describes.

    Args:
        layout: The workspace.
        manifest: Of what was judged.
        findings: What does not hold.
        notes: What could not be looked at.
    """
    report = CheckReport(
        asset=manifest.asset,
        partition=manifest.partition,
        content_id=manifest.content_id,
        passed=not findings,
        findings=tuple(findings),
        notes=tuple(notes),
    )
    write_record(layout.check(manifest.asset, manifest.partition), report)
    return report


def require_checked(layout: Layout, asset: str, partition: str) -> Input:
    """Refuse to build on a partition that was not checked, failed, or changed since.

    Returns:
        The upstream's name and content id, for the caller's own manifest.

    Raises:
        CheckError: As said; the message names the command that mends it.
    """
    path = layout.check(asset, partition)
    whole = f"{asset} of {partition}" if partition else asset
    remedy = f"run: {command_of(asset, partition)}"
    try:
        manifest = read_record(layout.manifest(asset, partition), AssetManifest)
        report = read_record(path, CheckReport)
    except StoreError as error:
        raise CheckError(f"{whole} is not ready: {error}; {remedy}") from error
    if report.content_id != manifest.content_id:
        raise CheckError(
            f"{path}: judged {report.content_id[:12]}, but the table is now "
            f"{manifest.content_id[:12]}; {remedy}"
        )
    if not report.passed:
        raise CheckError(
            f"{whole} failed its check: {'; '.join(report.findings[:3])}; "
            f"mend the cause, then {remedy}"
        )
    return Input(name=f"{asset}/{partition}", content_id=manifest.content_id)


def command_of(asset: str, partition: str) -> str:
    """The command that makes one partition of an asset.

    Args:
        asset: Its name.
        partition: Its key: of a repository, a round, both, or of an adapter kind and a round; empty
            where the asset has no partitions.
    """
    if not partition:
        return f"cra-pipeline run {asset}"
    first, _, second = partition.partition(MULTI)
    if second:
        return (
            f"cra-pipeline run {asset} --{'kind' if asset in BY_KIND else 'repo'} {first} "
            f"--round {second}"
        )
    return f"cra-pipeline run {asset} --{'round' if _ROUND.fullmatch(first) else 'repo'} {first}"
