"""Reads triples and attempts, writes preference pairs and their check."""

from __future__ import annotations

from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_record, read_table
from cra_pipeline.pairs.check import findings
from cra_pipeline.pairs.pairing import conflicting_prompts, pair_up
from cra_pipeline.pairs.policy import PairPolicy, policy_json

ASSET = "preference_pairs"
CONFLICTING = "no pair: conflicting_right_answers"
"""Counts prompts, where all other labels count pairs."""


def pair_preferences(
    layout: Layout, repo: str, round_name: str, *, policy: PairPolicy | None = None
) -> StageReport:
    """Pair the judged answers of one repository and round.

    Raises:
        CheckError: Triples or attempts are missing or failed their check.
        BusyError: Another run is at work on this partition.
    """
    rules = policy or PairPolicy()
    partition = f"{repo}|{round_name}"
    with partition_lock(layout, ASSET, partition):
        inputs = [require_checked(layout, name, partition) for name in ("attempts", "triples")]
        triples = read_table(layout.table("triples", partition), TripleRow)
        attempts = read_table(layout.table("attempts", partition), AttemptRow)
        pairs = pair_up(triples, attempts, rules)
        manifest = seal_table(
            layout,
            ASSET,
            partition,
            pairs,
            PreferencePair,
            reasons=[
                *(pair.reason.partition(":")[0] for pair in pairs),
                *(CONFLICTING for _ in conflicting_prompts(triples)),
            ],
            inputs=inputs,
            policy=policy_json(rules),
        )
    preview = tuple(
        {"task": pair.task_id, "lost": pair.reason, "rejected": pair.rejected_attempt[:12]}
        for pair in pairs[:10]
    )
    return StageReport(manifest=manifest, preview=preview)


def check_pairs(layout: Layout, repo: str, round_name: str) -> CheckReport:
    """Judge the pairs on disk and store the result.

    Raises:
        StoreError: A table is missing or damaged.
    """
    partition = f"{repo}|{round_name}"
    manifest = read_record(layout.manifest(ASSET, partition), AssetManifest)
    found = findings(
        read_table(layout.table(ASSET, partition), PreferencePair),
        read_table(layout.table("triples", partition), TripleRow),
        read_table(layout.table("attempts", partition), AttemptRow),
        rows=manifest.rows,
    )
    return write_check(layout, manifest, found)
